//! Lists and items that services give.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::world::{World, numbers};

/// A service of three addresses, which counts its requests.
struct Service {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || answer(connection, &counted));
            }
        });
        Self { url, requests }
    }

    fn world(&self) -> World {
        World::new(&TOOLS.replace("URL", &self.url))
    }
}

fn answer(connection: TcpStream, requests: &AtomicUsize) -> Option<()> {
    let mut output = connection.try_clone().ok()?;
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    while !lines.next()?.ok()?.is_empty() {}
    requests.fetch_add(1, Ordering::SeqCst);
    let rows: Vec<Value> = (0..100).map(|n| json!({"n": n})).collect();
    if first.contains("/lines") {
        let chunk = "{\"n\": 0}\n{\"n\": 1, \"said\": \"the-secret-of-ann\"}\n{\"n\"";
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        write!(output, "{head}{:x}\r\n{chunk}\r\n", chunk.len()).ok()?;
        // The rest never comes: the connection stays open until the client closes it.
        while lines.next()?.is_ok() {}
        return None;
    }
    let body = if first.contains("/wrapped") {
        json!({"data": rows}).to_string()
    } else {
        json!(rows).to_string()
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    write!(output, "{head}{body}").ok()
}

const TOOLS: &str = r#"
name: services
pagination: { default_page_size: 30 }
tools:
  - name: rows
    description: Fetch rows
    http: { url: "URL/rows" }
    output: { inline_bytes: 500B }
    pagination: true
  - name: wrapped
    description: Fetch rows out of an answer
    http: { url: "URL/wrapped", extract_json: data }
    pagination: true
  - name: lines
    description: Fetch lines that never end
    http:
      url: "URL/lines"
      headers: { Authorization: "${TOKEN_OF_ANN:-none}" }
      timeout: 3s
    output: { format: jsonl }
"#;

#[tokio::test]
async fn a_service_s_list_comes_in_pages_of_one_request() {
    let service = Service::start();
    let world = service.world();
    for (requests, tool) in [(1, "rows"), (2, "wrapped")] {
        let first = world.page(tool, json!({})).await;
        assert_eq!(
            (&first["total"], &first["has_more"]),
            (&json!(100), &json!(true))
        );
        let next = json!({"result_id": first["result_id"], "offset": 95});
        assert_eq!(numbers(&world.page(tool, next).await), [95, 96, 97, 98, 99]);
        assert_eq!(service.requests.load(Ordering::SeqCst), requests, "{tool}");
    }
}

#[tokio::test]
async fn a_timeout_gives_the_items_that_came_without_secrets() {
    let service = Service::start();
    let environment = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(environment.path(), "TOKEN_OF_ANN=the-secret-of-ann\n").unwrap();
    let options = ["--env-file", environment.path().to_str().unwrap()];
    let world = World::with(&TOOLS.replace("URL", &service.url), &options);
    let failure = world.failure("lines", json!({})).await;
    assert_eq!(failure["code"], "TIMEOUT");
    let data = &failure["data"];
    assert_eq!(data["complete"], false);
    assert_eq!(data["items"][0], json!({"n": 0}));
    assert_eq!(data["items"].as_array().unwrap().len(), 2, "{failure}");
    assert!(
        data["items"][1]["said"]
            .as_str()
            .unwrap()
            .contains("TOKEN_OF_ANN")
    );
    assert!(
        !failure.to_string().contains("the-secret-of-ann"),
        "{failure}"
    );
}
