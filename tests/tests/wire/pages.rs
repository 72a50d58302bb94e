//! What a person sees who is refused.

use crate::door::Door;

const NAVIGATION: &str =
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";

#[tokio::test]
async fn a_refused_navigation_gets_a_page_that_says_why() {
    let door = Door::open().await;
    let request = format!("GET / HTTP/1.1\r\nHost: rebind.evil\r\n{NAVIGATION}\r\n");
    let answer = door.send(request.as_bytes()).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let page = String::from_utf8(answer.body).unwrap();
    let record = door.last_denial().await;
    assert!(page.contains("rebind.evil") && page.contains("<dd>host_denied</dd>"), "{page}");
    assert!(page.contains(record["trace_id"].as_str().unwrap()), "{page}");
}

#[tokio::test]
async fn what_is_no_navigation_is_told_in_json() {
    let door = Door::open().await;
    let script = "GET / HTTP/1.1\r\nHost: rebind.evil\r\nSec-Fetch-Mode: cors\r\n\r\n";
    let answer = door.send(script.as_bytes()).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.code(), "host_denied");
}

#[tokio::test]
async fn an_unpaired_navigation_gets_the_pairing_page() {
    let door = Door::open().await;
    let answer = door.get("/", NAVIGATION).await;
    assert_eq!(answer.status, 401);
    let page = String::from_utf8(answer.body).unwrap();
    assert!(page.contains("<title>Pair this browser"), "{page}");
}
