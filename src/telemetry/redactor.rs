//! What must not be written.

use serde_json::{Map, Value};

/// What stands in the place of a secret.
pub const HIDDEN: &str = "***";

/// A value shorter than this is in too many words to be hidden in them.
const SHORTEST: usize = 6;

/// Words in a name that tell that its value is a secret.
const SECRET_WORDS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "token",
    "secret",
    "credential",
    "authorization",
    "apikey",
];

/// Knows secrets, and takes them out of what is written. `Debug` shows none.
#[derive(Clone, Default)]
pub struct Redactor(Vec<String>);

impl Redactor {
    /// Hides these values wherever they stand; those shorter than 6 characters are not.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let is_long = |secret: &String| secret.chars().count() >= SHORTEST;
        let mut secrets: Vec<String> = secrets.into_iter().filter(is_long).collect();
        // A secret may be a part of another; the longer one goes first, or its rest would be left.
        secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        secrets.dedup();
        Self(secrets)
    }

    /// A text without secrets.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        text
    }

    /// An object without secrets: neither the values that are known, nor what a name such as `api_key` says is one.
    pub fn object(&self, object: &Map<String, Value>) -> Map<String, Value> {
        let members = object.iter().map(|(name, value)| {
            let value = if is_secret(name) {
                HIDDEN.into()
            } else {
                self.value(value)
            };
            (self.text(name), value)
        });
        members.collect()
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(elements) => elements.iter().map(|element| self.value(element)).collect(),
            Value::Object(object) => self.object(object).into(),
            Value::Number(number) => {
                let text = number.to_string();
                let redacted = self.text(&text);
                if redacted == text {
                    value.clone()
                } else {
                    redacted.into()
                }
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.0.len())
    }
}

/// Whether a name tells that its value is a secret. Rather one too many: `monkey` is not, but `author_token_count` is.
fn is_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word)) || words(name).any(|word| is_key(&word))
}

fn is_key(word: &str) -> bool {
    matches!(word, "key" | "keys" | "pass" | "auth")
}

/// The words of a name: `apiKey`, `api-key` and `API_KEY` have the same two.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_tell_secrets() {
        for name in [
            "password",
            "userPassword",
            "API_KEY",
            "apiKey",
            "key",
            "access-token",
            "clientSecret",
            "apikey",
            "db_passwd",
            "Authorization",
            "ssh-keys",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "keyword", "monkey", "hockey", "name", "author", "path", "compass",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn known_values_are_hidden_wherever_they_stand() {
        let redactor =
            Redactor::new(["hunter22", "hunter22-long", "123456", "short"].map(str::to_owned));
        let given = json!({
            "url": "http://x/?t=hunter22-long&u=hunter22",
            "deep": [{"pin": 91_234_567, "token": {"any": "thing"}}],
            "hunter22": true,
            "kept": "short",
        });
        assert_eq!(
            Value::Object(redactor.object(given.as_object().unwrap())),
            json!({
                "url": "http://x/?t=***&u=***",
                "deep": [{"pin": "9***7", "token": "***"}],
                "***": true,
                "kept": "short",
            })
        );
        assert_eq!(format!("{redactor:?}"), "Redactor(3 secrets)");
    }
}
