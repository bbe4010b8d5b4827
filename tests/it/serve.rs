//! `cmsim serve` in front of other people's programs.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode};

/// A served site, ended with the signal that Ctrl-C sends.
struct Served(Child);

impl Served {
    fn start(folder: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_cmsim"))
            .args([
                "serve",
                "--mp-port",
                "0",
                "--wsus-port",
                "0",
                "--wsus-tls-port",
                "0",
                "--out",
                "served",
                "--ready-file",
                "ready",
            ])
            .current_dir(folder)
            .stdout(std::fs::File::create(folder.join("endpoints")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits until the site answers, and gives its URLs.
    async fn endpoints(&mut self, folder: &Path) -> Vec<String> {
        for _ in 0..600 {
            assert!(self.0.try_wait().unwrap().is_none(), "serve ended by itself");
            if folder.join("ready").is_file() {
                let lines = std::fs::read_to_string(folder.join("endpoints")).unwrap();
                return lines.lines().filter_map(|line| Some(line[line.find("http")?..].to_owned())).collect();
            }
            tokio::task::yield_now().await;
            std::thread::park_timeout(Duration::from_millis(100));
        }
        panic!("not ready within a minute");
    }

    fn interrupt(mut self) -> bool {
        let kill = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
        assert!(kill.success());
        self.0.wait().unwrap().success()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Already ended in a test that passed.
        let _ = self.0.kill();
    }
}

#[test]
fn every_endpoint_answers_a_stranger_and_the_output_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let plain = runtime.block_on(async {
        let urls = served.endpoints(folder.path()).await;
        assert_eq!(urls.len(), 6, "{urls:?}");
        let client = Client::builder().no_proxy().build().unwrap();
        // The certificate of the secure one is for its name in the world; curl -k and zeep have their own check.
        let plain: Vec<String> = urls.into_iter().filter(|url| url.starts_with("http://")).collect();
        for url in &plain {
            let answer = client.get(url).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{url}");
            assert!(!answer.bytes().await.unwrap().is_empty(), "{url}");
        }
        plain
    });
    assert_eq!(plain.len(), 5);
    assert!(served.interrupt(), "Ctrl-C ends it with success");
    let out = folder.path().join("served");
    for file in ["site.db", "susdb-PS1SITE.db", "susdb-PS1SYS.db", "hosts/PS1SITE/registry.json"] {
        assert!(out.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let requests = out.join("hosts/PS1SITE/C/inetpub/logs/LogFiles/W3SVC2");
    let log = std::fs::read_dir(requests).unwrap().next().unwrap().unwrap().path();
    let log = std::fs::read_to_string(log).unwrap().to_lowercase();
    assert!(log.contains("get /selfupdate/wuident.cab") && log.contains(" 200 0 0 "), "{log}");
}

#[test]
fn it_listens_on_loopback_only() {
    let refused = Command::new(env!("CARGO_BIN_EXE_cmsim")).args(["serve", "--bind", "0.0.0.0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not a loopback address"));
}
