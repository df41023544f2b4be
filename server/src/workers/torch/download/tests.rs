//! A hub on loopback: what is asked of it, what is kept, and what a cut connection costs.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub has and how it behaves.
#[derive(Default)]
struct Shelf {
    files: BTreeMap<String, Vec<u8>>,
    /// After so many bytes the connection of this file's first real request breaks.
    cut: Mutex<Option<(String, usize)>>,
    /// Says that this file has another sum.
    lies: Option<String>,
    /// Wants this token.
    token: Option<String>,
    /// `file range` of every request.
    asked: Mutex<Vec<String>>,
    stops: AtomicBool,
}

struct PlayedHub {
    shelf: Arc<Shelf>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl PlayedHub {
    fn start(shelf: Shelf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let shelf = Arc::new(shelf);
        let own = Arc::clone(&shelf);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.stops.load(Ordering::SeqCst) {
                    return;
                }
                // Whoever leaves early is not served.
                let _ = stream.and_then(|stream| own.serve(stream));
            }
        });
        Self {
            shelf,
            address,
            thread: Some(thread),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.shelf.asked.lock().expect("nobody panicked").clone()
    }
}

impl Drop for PlayedHub {
    fn drop(&mut self) {
        self.shelf.stops.store(true, Ordering::SeqCst);
        // Wakes it.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shelf {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut range, mut token) = (String::new(), None);
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ") {
                match name.to_ascii_lowercase().as_str() {
                    "range" => value.trim_start_matches("bytes=").clone_into(&mut range),
                    "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
                    _ => {}
                }
            }
        }
        if self.token != token {
            return respond(&mut stream, "401 Unauthorized", &[], b"");
        }
        if path == "/api/models/org/tiny/revision/main" {
            let siblings: Vec<Value> = self
                .files
                .keys()
                .map(|name| serde_json::json!({"rfilename": name}))
                .collect();
            let info = serde_json::json!({"siblings": siblings, "sha": COMMIT}).to_string();
            return respond(&mut stream, "200 OK", &[], info.as_bytes());
        }
        let name = path
            .strip_prefix(&format!("/org/tiny/resolve/{COMMIT}/"))
            .unwrap_or_default();
        let Some(bytes) = self.files.get(name) else {
            return respond(&mut stream, "404 Not Found", &[], b"");
        };
        self.asked
            .lock()
            .expect("nobody panicked")
            .push(format!("{name} {range}"));
        self.file(&mut stream, name, bytes, &range)
    }

    fn file(
        &self,
        stream: &mut TcpStream,
        name: &str,
        bytes: &[u8],
        range: &str,
    ) -> std::io::Result<()> {
        let (from, to) = range.split_once('-').unwrap_or(("0", ""));
        let from: usize = from.parse().unwrap_or_default();
        let to = to.parse().map_or(bytes.len(), |last: usize| last + 1);
        if from >= bytes.len() {
            return respond(stream, "416 Range Not Satisfiable", &[], b"");
        }
        let mut sum = hex::encode(Sha256::digest(bytes));
        if self.lies.as_deref() == Some(name) {
            sum = hex::encode(Sha256::digest(b"something else"));
        }
        let headers = [
            format!("ETag: \"{sum}\""),
            format!("X-Repo-Commit: {COMMIT}"),
            format!("Content-Range: bytes {from}-{}/{}", to - 1, bytes.len()),
        ];
        let mut cut = self.cut.lock().expect("nobody panicked");
        if range != "0-0"
            && let Some((_, after)) = cut.take_if(|(file, _)| file.as_str() == name)
        {
            let length = format!("Content-Length: {}", to - from);
            write_head(stream, "206 Partial Content", &headers, &length)?;
            return stream.write_all(&bytes[from..from + after]);
        }
        respond(stream, "206 Partial Content", &headers, &bytes[from..to])
    }
}

fn write_head(
    stream: &mut TcpStream,
    status: &str,
    headers: &[String],
    length: &str,
) -> std::io::Result<()> {
    let headers = headers.join("\r\n");
    let between = if headers.is_empty() { "" } else { "\r\n" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}{between}{length}\r\nConnection: close\r\n\r\n"
    )
}

fn respond(
    stream: &mut TcpStream,
    status: &str,
    headers: &[String],
    body: &[u8],
) -> std::io::Result<()> {
    write_head(
        stream,
        status,
        headers,
        &format!("Content-Length: {}", body.len()),
    )?;
    stream.write_all(body)
}

/// A model of a few files, more than we want among them.
fn shelf() -> Shelf {
    let files = [
        ("README.md", b"words".to_vec()),
        ("config.json", b"{}".to_vec()),
        ("tokenizer.json", b"{\"a\": 1}".to_vec()),
        (
            "model.safetensors",
            (0..200_000_u32).map(|at| at as u8).collect(),
        ),
        ("pytorch_model.bin", vec![0; 10]),
    ];
    Shelf {
        files: files
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .collect(),
        ..Shelf::default()
    }
}

fn model(hub: &PlayedHub, path: &str, allow: bool) -> config::Model {
    let text = format!(
        "[[models]]\nname = \"m\"\nprovider = \"torch\"\npath = \"{path}\"\nallow_download = {allow}\n\
         base_url = \"http://{}\"\n",
        hub.address
    );
    let mut config = config::Config::from_toml(&text).expect("is valid");
    config.models.remove(0)
}

fn said(outcome: Result<PathBuf>) -> String {
    outcome.expect_err("is refused").to_string()
}

#[test]
fn a_name_is_told_from_a_path() {
    let wanted = |path: &str| Wanted::read(path).expect("is read");
    let of = |id: &str, revision: &str| {
        Some(Wanted {
            id: id.to_owned(),
            revision: revision.to_owned(),
        })
    };
    assert_eq!(wanted("hf:org/a-b_c.1"), of("org/a-b_c.1", "main"));
    assert_eq!(wanted("hf:org/name@v1.0"), of("org/name", "v1.0"));
    assert_eq!(wanted("hf:org/name@refs/pr/1"), of("org/name", "refs/pr/1"));
    assert_eq!(wanted("org/name"), of("org/name", "main"));
    for path in [
        "/org/name",
        "./org/name",
        "org/name/more",
        "org",
        "../name",
        "src/lib.rs",
    ] {
        // The last one is there: tests run in the package's directory.
        assert_eq!(wanted(path), None, "{path}");
    }
    for name in [
        "hf:",
        "hf:org",
        "hf:org/",
        "hf:org/../x",
        "hf:org/a@",
        "hf:a/b/c",
        "hf:o g/n",
    ] {
        let text = Wanted::read(name).expect_err("is refused").to_string();
        assert!(text.contains("hf:organisation/name"), "{text}");
    }
}

#[test]
fn nothing_is_downloaded_unasked_and_what_is_there_needs_no_network() {
    let hub = PlayedHub::start(shelf());
    let store = tempfile::tempdir().expect("a directory");
    let text = said(directory(&model(&hub, "hf:org/tiny", false), store.path()));
    assert!(text.contains("allow_download = true"), "{text}");
    assert!(hub.asked().is_empty());

    let found = directory(&model(&hub, "hf:org/tiny", true), store.path()).expect("comes");
    let weights = std::fs::read(found.join("model.safetensors")).expect("is there");
    assert_eq!(weights, hub.shelf.files["model.safetensors"]);
    assert!(found.join("config.json").is_file() && found.join("tokenizer.json").is_file());
    assert!(!found.join("README.md").exists() && !found.join("pytorch_model.bin").exists());

    let asked = hub.asked().len();
    let again = directory(&model(&hub, "org/tiny", false), store.path()).expect("is there");
    assert_eq!((again, hub.asked().len()), (found.clone(), asked));
    // What was lost is fetched again, and nothing else.
    std::fs::remove_file(found.join("config.json")).expect("removed");
    directory(&model(&hub, "hf:org/tiny", true), store.path()).expect("comes");
    let later = hub.asked().split_off(asked);
    assert!(
        later.iter().all(|one| one.starts_with("config.json ")),
        "{later:?}"
    );
}

#[test]
fn a_connection_that_breaks_is_gone_on_from() {
    let shelf = shelf();
    *shelf.cut.lock().expect("fresh") = Some(("model.safetensors".to_owned(), 50_000));
    let hub = PlayedHub::start(shelf);
    let store = tempfile::tempdir().expect("a directory");
    let found = directory(&model(&hub, "hf:org/tiny", true), store.path()).expect("comes");
    let weights = std::fs::read(found.join("model.safetensors")).expect("is there");
    assert_eq!(weights, hub.shelf.files["model.safetensors"]);
    let asked = hub.asked();
    let resumed = asked.iter().find_map(|one| {
        let range = one.strip_prefix("model.safetensors ")?;
        let start: usize = range.strip_suffix('-')?.parse().ok()?;
        (start > 0).then_some(start)
    });
    assert!(resumed.is_some_and(|start| start <= 50_000), "{asked:?}");
}

#[test]
fn what_is_not_what_the_hub_says_is_not_kept() {
    let hub = PlayedHub::start(Shelf {
        lies: Some("model.safetensors".to_owned()),
        ..shelf()
    });
    let store = tempfile::tempdir().expect("a directory");
    let text = said(directory(&model(&hub, "hf:org/tiny", true), store.path()));
    assert!(
        text.contains("model.safetensors: what came is not"),
        "{text}"
    );
    let wanted = Wanted::parse("org/tiny").expect("a name");
    assert_eq!(wanted.in_store(store.path()), None);
    let snapshot = wanted.snapshot(store.path(), COMMIT);
    assert!(!snapshot.join("model.safetensors").exists());
}

#[test]
fn a_refusal_is_told_with_its_remedy_and_without_the_token() {
    let hub = PlayedHub::start(Shelf {
        token: Some("open-sesame".to_owned()),
        ..shelf()
    });
    let store = tempfile::tempdir().expect("a directory");
    let mut wrong = model(&hub, "hf:org/tiny", true);
    wrong.api_key = SecretString::from("guessed-token");
    let text = said(directory(&wrong, store.path()));
    assert!(text.contains("set api_key"), "{text}");
    assert!(!text.contains("guessed") && !text.contains("://"), "{text}");
    wrong.api_key = SecretString::from("open-sesame");
    directory(&wrong, store.path()).expect("comes");

    let open = PlayedHub::start(shelf());
    let text = said(directory(&model(&open, "hf:org/other", true), store.path()));
    assert!(text.contains("no such model"), "{text}");
}
