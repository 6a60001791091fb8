//! What the program takes from its environment: proxies, authorities, and secrets it does not show.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use crate::support::{command, skipped, texts};

fn folder(http: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("tools:\n  - name: t\n    description: T\n    http: {http}\n");
    fs::write(folder.path().join("gantz.yaml"), text).unwrap();
    folder
}

#[test]
fn a_proxy_is_spoken_to_when_one_is_named() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = proxy.accept().unwrap();
        let mut first = String::new();
        BufReader::new(stream.try_clone().unwrap())
            .read_line(&mut first)
            .unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nhi\n")
            .unwrap();
        first
    });
    let folder = folder("{ url: 'http://service.invalid/x?y=1' }");
    let output = command(folder.path(), &["call", "t"])
        .env("HTTP_PROXY", format!("http://{address}"))
        .env("http_proxy", format!("http://{address}"))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    assert_eq!(texts(&output).0, "hi\n", "{}", texts(&output).1);
    assert_eq!(
        asked.join().unwrap(),
        "GET http://service.invalid/x?y=1 HTTP/1.1\r\n"
    );
}

#[test]
fn explain_shows_the_request_without_its_secrets() {
    let folder = folder(
        "{ url: 'https://me:hidden-one@example.com/a/${PART}?api_key=hidden-two&x=1', method: POST, \
         headers: { Authorization: 'Bearer ${TOKEN}', X-Key: hidden-three }, query: { q: w }, body: { a: 1 }, extract_json: a.b }",
    );
    let output = command(folder.path(), &["explain", "t"])
        .env("TOKEN", "hidden-four")
        .env("PART", "hidden-five")
        .output()
        .unwrap();
    let (shown, said) = texts(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        !shown.contains("hidden") && !said.contains("hidden"),
        "{shown}{said}"
    );
    for line in [
        "  POST      https://***@example.com/a/${PART}?api_key=***&x=1\n",
        "  headers   authorization, x-key\n",
        "  query     q\n",
        "  body      application/json\n",
        "  gives     a.b\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
}

const HTTPS: &str = "
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header('Content-Length', '7'); self.end_headers(); self.wfile.write(b'private')
    def log_message(self, *_): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "tests start the programs they need"
)]
fn a_private_authority_is_trusted_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder.path())
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        skipped("`openssl` cannot make a certificate here");
        return;
    }
    let mut server = std::process::Command::new("python3")
        .args(["-c", HTTPS])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let mut printed = BufReader::new(server.stdout.take().unwrap());
    printed.read_line(&mut port).unwrap();
    let text = format!(
        "tools:\n  - name: t\n    description: T\n    http: {{ url: 'https://localhost:{}/' }}\n",
        port.trim()
    );
    fs::write(folder.path().join("gantz.yaml"), text).unwrap();
    let call = |roots: &str| {
        let output = command(folder.path(), &["call", "t"])
            .env("SSL_CERT_FILE", roots)
            .output()
            .unwrap();
        texts(&output)
    };
    let (trusted, why) = call("cert.pem");
    let (_, refused) = call("");
    let (_, unreadable) = call("nothing.pem");
    drop(server.kill());
    drop(server.wait());
    drop(printed.read_to_string(&mut port));
    assert_eq!(trusted, "private", "{why}");
    assert!(refused.contains("could not trust its service"), "{refused}");
    assert!(unreadable.contains("SSL_CERT_FILE"), "{unreadable}");
}
