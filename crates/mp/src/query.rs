//! What plain GETs ask: the query of `.sms_aut`, and the byte range of a policy download.

/// A query of `.sms_aut`. Names match in any case (capture).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthQuery {
    /// `MPLIST`.
    MpList,
    /// `MPLIST1&<site code>`.
    MpListOfSite(String),
    /// `MPCERT` or `MPCERT2`.
    MpCertificate,
    /// `MPKEYINFORMATION`.
    MpKeyInformation,
    /// `SITESIGNCERT`.
    SiteSigningCertificate,
    /// `SMSTRC`.
    IssuingCertificates,
}

impl AuthQuery {
    /// The query behind the question mark, or `None` for one that is not known.
    pub(crate) fn parse(query: &str) -> Option<Self> {
        let (name, argument) = query.split_once('&').unwrap_or((query, ""));
        match name.to_ascii_uppercase().as_str() {
            "MPLIST" => Some(Self::MpList),
            "MPLIST1" => Some(Self::MpListOfSite(argument.to_owned())),
            "MPCERT" | "MPCERT2" => Some(Self::MpCertificate),
            "MPKEYINFORMATION" => Some(Self::MpKeyInformation),
            "SITESIGNCERT" => Some(Self::SiteSigningCertificate),
            "SMSTRC" => Some(Self::IssuingCertificates),
            _ => None,
        }
    }
}

/// Which part of a document a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it; also for ranges that are malformed or several, as RFC 9110 lets a server decide.
    Whole,
    /// First byte, and the one behind the last.
    Range(usize, usize),
    /// A range outside the document.
    Unsatisfiable,
}

/// Reads a `Range` header for a document of `length` bytes.
pub(crate) fn range(header: Option<&str>, length: usize) -> Part {
    let Some((first, last)) = header.and_then(|value| value.strip_prefix("bytes=")).and_then(|one| one.split_once('-'))
    else {
        return Part::Whole;
    };
    let number = |text: &str| text.trim().parse::<usize>().ok();
    match (first.trim().is_empty(), number(first), last.trim().is_empty(), number(last)) {
        (true, _, _, Some(suffix)) if suffix > 0 && length > 0 => Part::Range(length.saturating_sub(suffix), length),
        (true, _, _, Some(_)) => Part::Unsatisfiable,
        (_, Some(from), true, _) if from < length => Part::Range(from, length),
        (_, Some(from), _, Some(to)) if from <= to && from < length => {
            Part::Range(from, to.saturating_add(1).min(length))
        }
        (_, Some(from), _, Some(to)) if from > to => Part::Whole,
        (_, Some(_), true, _) | (_, Some(_), _, Some(_)) => Part::Unsatisfiable,
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_match_in_any_case() {
        assert_eq!(AuthQuery::parse("mplist"), Some(AuthQuery::MpList));
        assert_eq!(AuthQuery::parse("MPLIST1&PS1"), Some(AuthQuery::MpListOfSite("PS1".to_owned())));
        assert_eq!(AuthQuery::parse("MPCERT2"), AuthQuery::parse("mpcert"));
        assert_eq!(AuthQuery::parse("sitesigncert"), Some(AuthQuery::SiteSigningCertificate));
        assert_eq!(AuthQuery::parse("SMSTRC"), Some(AuthQuery::IssuingCertificates));
        assert_eq!(AuthQuery::parse(""), None);
        assert_eq!(AuthQuery::parse("MPLIST2"), None);
    }

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        for (header, part) in [
            (None, Part::Whole),
            (Some("bytes=0-9"), Part::Range(0, 10)),
            (Some("bytes=90-"), Part::Range(90, 100)),
            (Some("bytes=90-999999999999"), Part::Range(90, 100)),
            (Some("bytes=-10"), Part::Range(90, 100)),
            (Some("bytes=-1000"), Part::Range(0, 100)),
            (Some("bytes=100-"), Part::Unsatisfiable),
            (Some("bytes=100-200"), Part::Unsatisfiable),
            (Some("bytes=-0"), Part::Unsatisfiable),
            (Some("bytes=9-1"), Part::Whole),
            (Some("bytes=a-b"), Part::Whole),
            (Some("bytes=0-1,5-6"), Part::Whole),
            (Some("pages=0-1"), Part::Whole),
        ] {
            assert_eq!(range(header, 100), part, "{header:?}");
        }
        assert_eq!(range(Some("bytes=0-"), 0), Part::Unsatisfiable);
        assert_eq!(range(Some("bytes=0-18446744073709551615"), 5), Part::Range(0, 5));
    }
}
