//! Where the standards and the reports that the catalog cites can be read.

use doorward_policy::threat::Rfc;

/// A weakness of the Common Weakness Enumeration.
pub(super) fn cwe(number: u16) -> String {
    format!("https://cwe.mitre.org/data/definitions/{number}.html")
}

/// The chapter of a requirement of OWASP ASVS 5.0.0; `None` for what is in no chapter of it.
pub(super) fn asvs(id: &str) -> Option<String> {
    let page = match id.split('.').next()? {
        "1" => "0x10-V1-Encoding-and-Sanitization",
        "2" => "0x11-V2-Validation-and-Business-Logic",
        "3" => "0x12-V3-Web-Frontend-Security",
        "4" => "0x13-V4-API-and-Web-Service",
        "5" => "0x14-V5-File-Handling",
        "6" => "0x15-V6-Authentication",
        "7" => "0x16-V7-Session-Management",
        "8" => "0x17-V8-Authorization",
        "9" => "0x18-V9-Self-contained-Tokens",
        "10" => "0x19-V10-OAuth-and-OIDC",
        "11" => "0x20-V11-Cryptography",
        "12" => "0x21-V12-Secure-Communication",
        "13" => "0x22-V13-Configuration",
        "14" => "0x23-V14-Data-Protection",
        "15" => "0x24-V15-Secure-Coding-and-Architecture",
        "16" => "0x25-V16-Security-Logging-and-Error-Handling",
        "17" => "0x26-V17-WebRTC",
        _ => return None,
    };
    Some(format!("{ASVS}/blob/v5.0.0/5.0/en/{page}.md"))
}

/// OWASP ASVS itself.
pub(super) const ASVS: &str = "https://github.com/OWASP/ASVS";

/// A section of an RFC.
pub(super) fn rfc(rfc: Rfc) -> String {
    let part = part(rfc);
    format!("https://www.rfc-editor.org/rfc/rfc{}#{part}-{}", rfc.number, rfc.section)
}

/// `RFC 9110, section 4.2`.
pub(super) fn rfc_name(rfc: Rfc) -> String {
    format!("RFC {}, {} {}", rfc.number, part(rfc), rfc.section)
}

/// Appendices have letters.
fn part(rfc: Rfc) -> &'static str {
    if rfc.section.starts_with(|first: char| first.is_ascii_digit()) {
        "section"
    } else {
        "appendix"
    }
}

/// The report of an incident; `None` for an identifier of a kind that is not known here.
pub(super) fn incident(id: &str) -> Option<String> {
    if id.starts_with("CVE-") {
        Some(format!("https://www.cve.org/CVERecord?id={id}"))
    } else if id.starts_with("GHSA-") {
        Some(format!("https://github.com/advisories/{id}"))
    } else if id.starts_with("RUSTSEC-") {
        Some(format!("https://rustsec.org/advisories/{id}.html"))
    } else {
        None
    }
}
