//! Answers: refusals, JSON and pages, with the headers that each of them needs.

use bytes::Bytes;
use doorward_gate::{Problem, Refusal};
use doorward_policy::id::TraceId;
use doorward_policy::route::Target;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::body::Body;
use crate::pages::{self, PAIR, Page};

/// The answer that a refusal is. The connection ends with it (I18).
///
/// A person who opens a page unpaired gets the pairing page, and for any other reason one that
/// gives it, under the same status.
pub(crate) fn refusal(refusal: &Refusal) -> Response<Body> {
    let public = refusal.denied.denial.public();
    let status = StatusCode::from_u16(public.status).unwrap_or(StatusCode::FORBIDDEN);
    let context = &refusal.denied.context;
    let person = context.navigation && !context.is_upgrade();
    let unpaired = status == StatusCode::UNAUTHORIZED;
    let page = person && unpaired && context.target == Target::Guarded;
    let mut response = if page {
        self::page(&PAIR, status)
    } else if person && !unpaired {
        refused(status, &refusal.problem())
    } else {
        // Retry-After is a header here.
        json(status, &Problem { retry_after: None, ..refusal.problem() })
    };
    let headers = response.headers_mut();
    //= req: UPGRADE-4
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"doorward\"");
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    // The page asks `api/session` what became of the session, and that answer removes the cookie.
    if let Some(cookie) = refusal.denied.expire_cookie.filter(|_| !page) {
        set_cookie(&mut response, &cookie.expire());
    }
    response
}

/// A refusal in the body's own form.
pub(crate) fn problem(
    status: StatusCode,
    code: &str,
    message: &str,
    trace: TraceId,
) -> Response<Body> {
    let (error, message, trace_id) = (code.into(), message.into(), trace.to_string());
    json(status, &Problem { error, message, trace_id, retry_after: None })
}

/// A JSON answer, kept by nobody.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Strings, numbers and lists of them: serialising them can't fail.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = own(status, Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    own(status, Bytes::new())
}

/// A page.
pub(crate) fn page(page: &'static Page, status: StatusCode) -> Response<Body> {
    shown(status, Bytes::from_static(page.html.as_bytes()), &page.policy)
}

/// A document under its policy.
fn shown(status: StatusCode, html: Bytes, policy: &str) -> Response<Body> {
    let mut response = own(status, html);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A refusal as a page.
fn refused(status: StatusCode, problem: &Problem<'_>) -> Response<Body> {
    let Problem { error, message, trace_id, .. } = problem;
    let (html, policy) = pages::refused(error, message, trace_id);
    shown(status, Bytes::from(html), policy)
}

/// Adds a cookie to an answer. Its value is marked as sensitive, so that no layer prints it.
pub(crate) fn set_cookie(response: &mut Response<Body>, cookie: &str) {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(SET_COOKIE, value);
    }
}

fn own(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    //= req: HTTP-9
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
