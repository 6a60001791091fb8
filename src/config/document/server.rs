//! `server`: how the tools are served.

use crate::config::decode::{List, choice, wire};
use crate::config::quantity::Port;
use crate::config::text::Text;

choice! {
    /// A tool the runner brings itself.
    enum BuiltinTool {
        /// Reads on in a stored output.
        "read_output" ReadOutput,
        /// Runs many calls as one.
        "batch" Batch,
        /// Limits and load.
        "status" Status,
    }
}

wire! {
    /// How the tools are served.
    struct Server in "`server`", Refused {
        /// The address to listen at. Any other than loopback needs authentication. Default: 127.0.0.1.
        "host" host: Text,
        /// The port to listen at; 0 takes a free one. Default: 3000.
        "port" port: Port,
        /// Origins of web pages that may call, beside loopback ones.
        "allowed_origins" allowed_origins: List<Text>,
        /// Who may call.
        "auth" auth: Auth,
        /// Tools the runner brings itself, listed last.
        "builtin_tools" builtin_tools: List<BuiltinTool>,
        /// Whether tool descriptions tell limits and execution to the model. Default: true.
        "describe_limits" describe_limits: bool,
    }

    /// Who may call.
    struct Auth in "`auth`", Refused {
        /// Tokens clients send as `Authorization: Bearer TOKEN`.
        "bearer_tokens" bearer_tokens: List<BearerToken>,
    }

    /// A token and what it opens.
    struct BearerToken in "a bearer token", Refused {
        /// Names the client; scripts see it as `GANTZ_CLIENT`.
        #[schemars(required)]
        "name" name: Text,
        /// The token, best as `${VARIABLE}`.
        #[schemars(required)]
        "token" token: Text,
        /// Names of tools it may call, `*` standing for any characters. Default: all.
        "tools" tools: List<Text>,
    }
}

impl Server {
    /// Every text in which variables are expanded.
    pub(crate) fn texts(&self) -> Vec<&Text> {
        let mut texts: Vec<&Text> = self.host.iter().map(|host| &host.value).collect();
        if let Some(Port::Expanded(port)) = self.port.as_ref().map(|port| &port.value) {
            texts.push(port);
        }
        texts.extend(
            self.allowed_origins
                .iter()
                .flat_map(|list| &list.0)
                .map(|origin| &origin.value),
        );
        let tokens = self
            .auth
            .iter()
            .filter_map(|auth| auth.bearer_tokens.as_ref());
        for token in tokens.flat_map(|list| &list.0) {
            texts.extend(
                token
                    .token
                    .iter()
                    .chain(&token.name)
                    .map(|text| &text.value),
            );
        }
        texts
    }
}
