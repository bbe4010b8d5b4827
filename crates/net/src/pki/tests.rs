use super::*;

fn validity() -> Validity {
    Validity { from: SimTime::from_millis(1_385_000_000_000), until: SimTime::from_millis(1_485_000_000_000) }
}

fn request(subject: &str) -> CertificateRequest {
    CertificateRequest {
        subject: subject.to_owned(),
        dns_names: vec!["ps1sys.contoso.com".to_owned()],
        addresses: vec![IpAddr::from([192, 168, 2, 11])],
        validity: validity(),
        usage: Usage::Server,
    }
}

#[test]
fn the_same_seed_gives_the_same_certificates() {
    let issue = |seed: u64| {
        let authority = Authority::root("CONTOSO-CA", validity(), &Seed::new(seed)).unwrap();
        let issued = authority.issue(&request("PS1SYS")).unwrap();
        (authority.certificate().clone(), issued.certificate().clone())
    };
    assert_eq!(issue(1), issue(1));
    assert_ne!(issue(1).0, issue(2).0);
}

#[test]
fn a_certificate_says_what_was_asked() {
    let authority = Authority::root("CONTOSO-CA", validity(), &Seed::new(1)).unwrap();
    let issued = authority.issue(&request("PS1SYS")).unwrap();
    let (rest, read) = X509Certificate::from_der(issued.certificate()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(read.subject().to_string(), "CN=PS1SYS");
    assert_eq!(read.issuer().to_string(), "CN=CONTOSO-CA");
    assert_eq!(read.validity().not_before.timestamp(), 1_385_000_000);
    assert_eq!(read.validity().not_after.timestamp(), 1_485_000_000);
    assert!(read.extended_key_usage().unwrap().unwrap().value.server_auth);
    let root = X509Certificate::from_der(authority.certificate()).unwrap().1;
    read.verify_signature(Some(root.public_key())).unwrap();
}

#[test]
fn a_signature_belongs_to_its_key_and_message() {
    let seed = Seed::new(4);
    let client = CertifiedKey::self_signed(&request("ConfigMgr Client"), &seed).unwrap();
    let signature = client.key.sign_sha256(b"a message");
    assert_eq!(signature.len(), 256);
    assert!(verify_sha256(client.certificate(), b"a message", &signature));
    assert!(!verify_sha256(client.certificate(), b"another", &signature));
    assert!(!verify_sha256(b"no certificate", b"a message", &signature));
}

#[test]
fn a_name_outside_ascii_is_refused() {
    let mut request = request("x");
    request.dns_names = vec!["k\u{f6}ln.example".to_owned()];
    let error = CertifiedKey::self_signed(&request, &Seed::new(1)).unwrap_err();
    assert!(matches!(error, PkiError::BadName(_)), "{error}");
}

#[test]
fn a_trust_store_holds_a_root_once() {
    let authority = Authority::root("CA", validity(), &Seed::new(1)).unwrap();
    let store = TrustStore::new();
    store.add(authority.certificate());
    store.add(authority.certificate());
    assert_eq!(store.certificates().len(), 1);
    assert!(store.remove(authority.certificate()));
    assert!(!store.remove(authority.certificate()));
}
