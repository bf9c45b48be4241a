//! A stub org: the test chooses its answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use retry::Policy;

use super::Org;
use super::host::LoginUrl;
use super::timing::Timing;
use super::token::{OAuthFlow, OrgAccess, SignIn};

/// The product that the stub expects to see in every request.
pub(super) const USER_AGENT: &str = "loader/1.0";

/// Short waits for tests. A call still has two seconds, so that a slow machine does not look like a lost answer.
pub(super) fn quick() -> Timing {
    Timing {
        calls: Policy {
            attempts: 3,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(4),
            total: Duration::from_secs(20),
            jitter: || 1.0,
        },
        answer: Duration::from_secs(2),
        new_session: Duration::from_millis(10),
        new_count: Duration::from_millis(1),
        stall: Duration::from_secs(1),
        patience: Policy {
            attempts: u32::MAX,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(4),
            total: Duration::from_millis(60),
            jitter: || 1.0,
        },
        ..Timing::default()
    }
}

/// A server that issues a token to every client.
pub(super) struct StubOrg {
    pub(super) server: MockServer,
}

impl StubOrg {
    pub(super) async fn start() -> Self {
        let stub = Self { server: MockServer::start().await };
        let token = stub.token("00Dx!first");
        Mock::given(path("/services/oauth2/token")).respond_with(token).with_priority(200).mount(&stub.server).await;
        stub
    }

    pub(super) fn token(&self, access_token: &str) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(serde_json::json!({
            "access_token": access_token, "instance_url": self.server.uri(), "token_type": "Bearer"
        }))
    }

    /// Sends the same answer to every call at an address. `at` follows `/services/data`.
    pub(super) async fn answer(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        let at = format!("/services/data{at}");
        Mock::given(method(verb)).and(path(at)).respond_with(answer).with_priority(100).mount(&self.server).await;
    }

    /// Sends an answer to the next call at an address only.
    pub(super) async fn answer_once(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        let at = format!("/services/data{at}");
        let mock = Mock::given(method(verb)).and(path(at)).respond_with(answer);
        mock.up_to_n_times(1).with_priority(10).mount(&self.server).await;
    }

    pub(super) async fn org(&self) -> Org {
        org_at(&self.server.uri()).await
    }

    /// An org that waits for each step of a job for longer than any test takes.
    pub(super) async fn patient_org(&self) -> Org {
        let patience = Policy { total: Duration::from_secs(600), ..quick().patience };
        org_with(&self.server.uri(), Timing { patience, ..quick() }).await
    }

    /// An org whose jobs must end within half a second.
    pub(super) async fn hasty_org(&self) -> Org {
        org_with(&self.server.uri(), Timing { longest_job: Duration::from_millis(500), ..quick() }).await
    }

    /// The requests at an address, in order.
    pub(super) async fn requests(&self, verb: &str, at: &str) -> Vec<Request> {
        let requests = self.server.received_requests().await.unwrap();
        let is_at = |request: &Request| request.method.as_str() == verb && request.url.path().ends_with(at);
        requests.into_iter().filter(is_at).collect()
    }
}

pub(super) fn sign_in_at(uri: &str) -> SignIn {
    SignIn {
        login_url: LoginUrl::parse(uri).unwrap(),
        flow: OAuthFlow::ClientCredentials { client_id: "key".into(), client_secret: "s&e=c+r t".into() },
    }
}

pub(super) async fn org_at(uri: &str) -> Org {
    org_with(uri, quick()).await
}

pub(super) async fn org_with(uri: &str, timing: Timing) -> Org {
    org_of(access_at(uri), timing).await
}

/// An org whose sign-in, describes and limits have the patience of a step of a job.
pub(super) async fn patient_org_at(uri: &str) -> Org {
    org_of(OrgAccess { is_patient: true, ..access_at(uri) }, Timing::default()).await
}

async fn org_of(access: OrgAccess, timing: Timing) -> Org {
    Org::sign_in_timed(access, timing, std::future::pending()).await.unwrap()
}

fn access_at(uri: &str) -> OrgAccess {
    OrgAccess {
        sign_in: sign_in_at(uri),
        user_agent: USER_AGENT.to_owned(),
        on_new_refresh_token: Arc::new(|_| {}),
        is_patient: false,
        haste: 1,
    }
}

/// A text that becomes half as long when it is packed.
pub(super) fn noise(seed: usize, length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let mut text: String = (0..length.div_ceil(16)).map(|_| format!("{:016x}", random.u64(..))).collect();
    text.truncate(length);
    text
}

/// What a raw server does with a connection after its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Close,
    Hold,
}

/// A server that answers with any bytes, so that an answer can be cut off or stand still. `answer` makes them of the
/// head of the request.
pub(super) async fn raw_server(then: Then, answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> String {
    raw_server_with_outage(then, || false, answer).await
}

/// The same, with a sign-in that is not available while `is_out` is true.
pub(super) async fn raw_server_with_outage(
    then: Then,
    is_out: impl Fn() -> bool + Send + Sync + 'static,
    answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let token = format!(r#"{{"access_token":"00Dx!raw","instance_url":"{uri}"}}"#);
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let head = read_request(&mut connection).await;
            let bytes = match head.starts_with("POST /services/oauth2/token") {
                true if is_out() => {
                    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
                }
                true => ok(&token),
                false => answer(&head),
            };
            connection.write_all(&bytes).await.unwrap();
            if then == Then::Hold {
                held.push(connection);
            }
        }
    });
    uri
}

/// A whole answer.
pub(super) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

async fn read_request(connection: &mut TcpStream) -> String {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let read = connection.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let length = text
            .to_lowercase()
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| rest.split_once("\r\n").and_then(|(length, _)| length.parse().ok()).unwrap_or(0));
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && (body.len() >= length || read == 0)
        {
            return head.to_owned();
        }
        assert!(read > 0, "the request broke off");
    }
}
