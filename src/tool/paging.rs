//! Pages of a list: how large they are, how a caller asks for one, and what callers are told of both.

use serde_json::{Map, Value, json};

use super::schema::Schema;
use super::{Failure, FailureCode, Tool};

/// How the list that a tool gives is cut into pages.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRules {
    /// Items of a page where the caller does not say.
    pub default_size: u64,
    /// The most items a caller may ask for.
    pub max_size: u64,
    /// What the items of a page must satisfy, where the tool's `output.schema` says so.
    pub items: Option<Schema>,
}

/// What part of a list a caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The handle of a result that is stored; `None` runs the tool.
    pub result_id: Option<String>,
    /// The number of the first item, counted from zero.
    pub offset: u64,
    /// Items at most.
    pub size: u64,
}

impl PageRules {
    /// The size of a page when nobody says.
    pub const DEFAULT_SIZE: u64 = 50;
    /// The largest page when nobody says.
    pub const DEFAULT_MAX_SIZE: u64 = 200;

    /// The arguments that paging adds to a tool's own.
    pub const ARGUMENTS: [&str; 3] = ["result_id", "offset", "page_size"];

    /// Rules for a list that satisfies `schema`.
    pub fn new(default_size: u64, max_size: u64, schema: Option<&Schema>) -> Self {
        Self {
            default_size,
            max_size,
            items: schema.map(|schema| Schema::new(of_a_part(schema.value()))),
        }
    }

    /// The input schema of a tool, `own`, with the arguments that paging adds. What the tool itself requires stays
    /// required: to let it go where `result_id` is given takes schemas that few models accept.
    pub fn input_schema(&self, own: &Value) -> Value {
        let mut schema = own.clone();
        let Some(members) = schema.as_object_mut() else {
            return schema;
        };
        let properties = members.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert(
                "result_id".to_owned(),
                json!({"type": "string", "description": "To read on: the `result_id` of an earlier answer. Nothing runs then, and the tool's other arguments are not looked at"}),
            );
            properties.insert(
                "offset".to_owned(),
                json!({"type": "integer", "minimum": 0, "description": "With `result_id`: the `next_offset` of the answer before"}),
            );
            properties.insert(
                "page_size".to_owned(),
                json!({"type": "integer", "minimum": 1, "maximum": self.max_size, "default": self.default_size,
                       "description": "Items of the answer at most"}),
            );
        }
        schema
    }

    /// The schema of a page of a list that satisfies `own`.
    pub fn page_schema(own: &Value) -> Value {
        let mut items = of_a_part(own);
        let mut schema = json!({
            "type": "object",
            "properties": {
                "items": {},
                "total": {"type": "integer"},
                "offset": {"type": "integer"},
                "has_more": {"type": "boolean"},
                "next_offset": {"type": "integer"},
                "result_id": {"type": "string"},
                "too_large": {"type": "array", "items": {"type": "object"}},
            },
            "required": ["items", "total", "offset", "has_more"],
        });
        if let (Some(items), Some(schema)) = (items.as_object_mut(), schema.as_object_mut()) {
            // References lead from the root.
            for name in DEFINITIONS {
                if let Some(definitions) = items.remove(name) {
                    schema.insert(name.to_owned(), definitions);
                }
            }
        }
        schema["properties"]["items"] = items;
        schema
    }

    /// Takes what paging adds out of the arguments of a call.
    ///
    /// # Errors
    /// `INVALID_ARGUMENTS` with each violation and its JSON pointer.
    pub fn take(
        &self,
        tool: &Tool,
        arguments: &mut Map<String, Value>,
    ) -> Result<PageRequest, Failure> {
        let [result_id, offset, size] = Self::ARGUMENTS.map(|name| arguments.remove(name));
        let mut violations = Vec::new();
        let mut wrong = |name: &str, message: String| {
            violations.push(json!({"pointer": format!("/{name}"), "message": message}));
        };
        let result_id = match result_id {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id),
            Some(_) => {
                wrong("result_id", "it is no text".to_owned());
                None
            }
        };
        let offset = match offset.map(|offset| offset.as_u64()) {
            None => 0,
            Some(Some(offset)) => offset,
            Some(None) => {
                wrong("offset", "it is no whole number from 0 on".to_owned());
                0
            }
        };
        let size = match size.map(|size| size.as_u64()) {
            None => self.default_size,
            Some(Some(size)) if (1..=self.max_size).contains(&size) => size,
            Some(_) => {
                let message = format!("it is no whole number from 1 to {}", self.max_size);
                wrong("page_size", message);
                self.default_size
            }
        };
        if offset > 0 && result_id.is_none() {
            let message = "it needs the `result_id` that came with it: the tool is not run again for a further page";
            wrong("offset", message.to_owned());
        }
        if violations.is_empty() {
            return Ok(PageRequest {
                result_id,
                offset,
                size,
            });
        }
        Err(invalid(tool, violations))
    }
}

fn invalid(tool: &Tool, violations: Vec<Value>) -> Failure {
    let described: Vec<String> = violations
        .iter()
        .map(|violation| {
            let text = |name: &str| violation[name].as_str().unwrap_or_default();
            format!("{}: {}", text("pointer"), text("message"))
        })
        .collect();
    Failure::new(
        FailureCode::InvalidArguments,
        format!(
            "invalid arguments for `{}`: {}",
            tool.name,
            described.join("; ")
        ),
    )
    .remediation(format!(
        "call `{}` with its own arguments alone for the first page; for the next one, add `result_id` and `offset` as the answer before gave them",
        tool.name
    ))
    .with("violations", violations)
}

/// Where a schema keeps what it refers to.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// Keywords that speak of a list as a whole, which a part of it need not satisfy.
const OF_THE_WHOLE: [&str; 10] = [
    "$schema",
    "$id",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "default",
    "examples",
];

/// Keywords that may say more of the list as a whole than can be taken out of them.
const OF_MORE: [&str; 12] = [
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "prefixItems",
    "unevaluatedItems",
    "enum",
    "const",
    "$recursiveRef",
];

/// The schema of a part of a list that satisfies `whole`.
fn of_a_part(whole: &Value) -> Value {
    let Some(members) = whole.as_object() else {
        return json!({"type": "array"});
    };
    if OF_MORE.iter().any(|name| members.contains_key(*name)) || !leads_to_definitions(whole) {
        return json!({"type": "array"});
    }
    let mut part = members.clone();
    for name in OF_THE_WHOLE {
        part.remove(name);
    }
    part.insert("type".to_owned(), "array".into());
    Value::Object(part)
}

/// Whether every reference in a schema leads to its definitions, which can be moved with it.
fn leads_to_definitions(schema: &Value) -> bool {
    match schema {
        Value::Array(elements) => elements.iter().all(leads_to_definitions),
        Value::Object(members) => members.iter().all(|(name, value)| {
            let target = value
                .as_str()
                .filter(|_| name.ends_with("ef") && name.starts_with('$'));
            match target {
                Some(target) => DEFINITIONS
                    .iter()
                    .any(|place| target.starts_with(&format!("#/{place}/"))),
                None => leads_to_definitions(value),
            }
        }),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_items_the_list_promises() {
        let list = json!({"type": "array", "minItems": 3, "items": {"$ref": "#/$defs/row"},
                          "$defs": {"row": {"type": "object", "required": ["id"]}}});
        let page = PageRules::page_schema(&list);
        assert_eq!(
            page["properties"]["items"],
            json!({"type": "array", "items": {"$ref": "#/$defs/row"}})
        );
        let schema = Schema::new(page);
        let with =
            |items: Value| json!({"items": items, "total": 1, "offset": 0, "has_more": false});
        assert_eq!(schema.violations(&with(json!([{"id": 1}]))), []);
        assert_eq!(
            schema.violations(&with(json!([{}])))[0].pointer,
            "/items/0/id"
        );
        let rules = PageRules::new(5, 9, Some(&Schema::new(list)));
        let part = rules.items.unwrap();
        assert_eq!(
            part.violations(&json!([{"id": 1}])),
            [],
            "one is enough of a part"
        );
        assert_eq!(part.violations(&json!([{}])).len(), 1);
    }

    #[test]
    fn what_cannot_be_said_of_a_part_is_not_said() {
        for whole in [
            json!(true),
            json!({"type": "array", "prefixItems": [{}]}),
            json!({"type": "array", "items": {"$ref": "#/items"}}),
            json!({"anyOf": [{"minItems": 2}]}),
        ] {
            assert_eq!(of_a_part(&whole), json!({"type": "array"}), "{whole}");
        }
    }

    #[test]
    fn the_input_schema_keeps_its_own() {
        let own = json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"],
                         "additionalProperties": false});
        let schema = PageRules::new(5, 9, None).input_schema(&own);
        assert_eq!(schema["required"], json!(["q"]));
        assert_eq!(schema["properties"]["page_size"]["maximum"], 9);
        let violations =
            Schema::new(schema).violations(&json!({"q": "x", "result_id": "a", "offset": 5}));
        assert_eq!(violations, []);
    }
}
