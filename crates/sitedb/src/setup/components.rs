//! Component properties of a new site, as (component, property, first value, second value).

/// Defaults of the State System (docs: state messaging) and the codes after which a client leaves its software
/// update point (docs: plan for software update points; 36 codes, unsigned decimal).
pub(super) const DEFAULTS: &[(&str, &str, &str, &str)] = &[
    ("SMS_STATE_SYSTEM", "Heartbeat Msg Interval", "60", ""),
    ("SMS_STATE_SYSTEM", "Inbox Polling Interval", "900", ""),
    ("SMS_STATE_SYSTEM", "Loader Chunk Size", "256", ""),
    ("SMS_STATE_SYSTEM", "Loader Threads", "4", ""),
    ("SMS_STATE_SYSTEM", "Max Chunks Fetched", "100", ""),
    ("SMS_STATE_SYSTEM", "Min Missing Message Age", "2880", ""),
    ("SMS_STATE_SYSTEM", "Resync Check Interval", "15", ""),
    (
        "SMS_STATE_SYSTEM",
        "Retry Config",
        r#"<Config><Retry PatternID="0" RetryQueue="0">7200,28800,86400</Retry></Config>"#,
        "",
    ),
    (
        "SMS_WSUS_CONFIGURATION_MANAGER",
        "WSUS Scan Retry Error Codes",
        "",
        concat!(
            "{2147747475, 2147954429, 2147954430, 2149842970, 2149842974, 2149859332, 2149859333, ",
            "2149859334, 2149859335, 2149859336, 2149859337, 2149859338, 2149859339, 2149859340, ",
            "2149859341, 2149859342, 2149859344, 2149859349, 2149859350, 2149859352, 2149859353, ",
            "2149859354, 2149859356, 2149859357, 2149859358, 2149859359, 2149859360, 2149859361, ",
            "2149859362, 2149859363, 2149859364, 2149859366, 2149859367, 2149859371, 2149859372, ",
            "2149904388}"
        ),
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::DEFAULTS;

    #[test]
    fn the_retry_list_is_the_documented_one() {
        let (.., codes) = DEFAULTS.iter().find(|(_, name, ..)| *name == "WSUS Scan Retry Error Codes").unwrap();
        let listed: BTreeSet<u32> =
            codes.trim_matches(['{', '}']).split(", ").map(|code| code.parse().unwrap()).collect();
        let mut documented = BTreeSet::from([
            0x8004_0693,
            0x8007_2EFD,
            0x8007_2EFE,
            0x8024_001A,
            0x8024_001E,
            0x8024_4010,
            0x8024_4015,
            0x8024_4016,
            0x8024_4018,
            0x8024_4019,
            0x8024_401A,
            0x8024_4026,
            0x8024_4027,
            0x8024_402B,
            0x8024_402C,
            0x8024_F004,
        ]);
        documented.extend(0x8024_4004..=0x8024_400E_u32);
        documented.extend(0x8024_401C..=0x8024_4024_u32);
        assert_eq!(documented.len(), 36);
        assert_eq!(listed, documented);
    }
}
