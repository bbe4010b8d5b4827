//! Facts beside the logs. All are optional: what is absent is no evidence, never a failure.

use std::collections::BTreeMap;

use serde_json::Value;

/// A host's registry: keys and value names are compared without capitals, `HKLM` and its long form are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryFacts {
    keys: BTreeMap<String, BTreeMap<String, RegistryFact>>,
}

/// A value and, where the source states it, its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryFact {
    /// `REG_SZ`, `REG_DWORD` …; `None` if the source has bare values.
    pub kind: Option<String>,
    /// The data; numbers in decimal.
    pub data: String,
}

impl RegistryFacts {
    /// Reads `{"HKLM\\…": {"Name": {"type": "REG_SZ", "data": …}}}`, or bare values in place of the typed ones. What has
    /// another shape is passed over; `None` if it is no JSON object at all.
    #[must_use]
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let Value::Object(keys) = serde_json::from_slice(bytes).ok()? else { return None };
        let mut facts = Self::default();
        for (key, values) in &keys {
            if let Value::Object(values) = values {
                for (name, value) in values {
                    if let Some(fact) = fact(value) {
                        facts.insert(key, name, fact);
                    }
                }
            }
        }
        Some(facts)
    }

    /// Adds a value.
    pub fn insert(&mut self, key: &str, name: &str, fact: RegistryFact) {
        self.keys.entry(fold(key)).or_default().insert(name.to_ascii_lowercase(), fact);
    }

    /// A value, if the key has it.
    #[must_use]
    pub fn value(&self, key: &str, name: &str) -> Option<&RegistryFact> {
        self.keys.get(&fold(key))?.get(&name.to_ascii_lowercase())
    }

    /// What contradicts the policy that step 1.10 writes for a server, under the native path and, where that view
    /// exists, the 32-bit one. Empty if nothing does.
    #[must_use]
    pub fn against_policy(&self, url: &str) -> Vec<String> {
        const NATIVE: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
        const REDIRECTED: &str = r"HKLM\SOFTWARE\Wow6432Node\Policies\Microsoft\Windows\WindowsUpdate";
        let redirected_exists = self.keys.keys().any(|key| key.starts_with(r"hklm\software\wow6432node\"));
        let paths = [Some(NATIVE), redirected_exists.then_some(REDIRECTED)];
        let mut wrong = Vec::new();
        for path in paths.into_iter().flatten() {
            let policy_for_agent = format!("{path}\\AU");
            let wanted = [
                (path, "WUServer", "REG_SZ", url),
                (path, "WUStatusServer", "REG_SZ", url),
                (policy_for_agent.as_str(), "UseWUServer", "REG_DWORD", "1"),
            ];
            for (key, name, kind, data) in wanted {
                match self.value(key, name) {
                    None => wrong.push(format!("{key}\\{name} is missing")),
                    Some(fact) if !fact.data.eq_ignore_ascii_case(data) => {
                        wrong.push(format!("{key}\\{name} is {}, not {data}", fact.data));
                    }
                    Some(RegistryFact { kind: Some(other), .. }) if other != kind => {
                        wrong.push(format!("{key}\\{name} is a {other}, not a {kind}"));
                    }
                    Some(_) => {}
                }
            }
        }
        wrong
    }
}

fn fact(value: &Value) -> Option<RegistryFact> {
    match value {
        Value::Object(typed) => {
            let kind = typed.get("type").and_then(Value::as_str).map(str::to_owned);
            Some(RegistryFact { kind, data: plain(typed.get("data")?)? })
        }
        bare => Some(RegistryFact { kind: None, data: plain(bare)? }),
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn fold(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    match lower.strip_prefix("hkey_local_machine") {
        Some(rest) => format!("hklm{rest}"),
        None => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://PS1SITE.CONTOSO.COM:8530";

    fn registry(server: &str, switch: &str) -> RegistryFacts {
        let json = format!(
            r#"{{"HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate":
                 {{"WUServer": {{"type":"REG_SZ","data":"{server}"}}, "WUStatusServer": "{URL}"}},
               "HKLM\\Software\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU": {{"UseWUServer": {switch}}},
               "odd": 3}}"#
        );
        RegistryFacts::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_policy_is_checked_value_by_value() {
        let good = r#"{"type":"REG_DWORD","data":1}"#;
        assert_eq!(registry(URL, good).against_policy(URL), Vec::<String>::new());
        assert_eq!(registry("http://other:8530", good).against_policy(URL).len(), 1);
        assert!(registry(URL, r#"{"type":"REG_SZ","data":"1"}"#).against_policy(URL)[0].contains("REG_SZ"));
        assert_eq!(registry(URL, "0").against_policy(URL).len(), 1);
    }

    #[test]
    fn a_32_bit_view_must_agree_where_it_exists() {
        let mut facts = registry(URL, "1");
        let fact = RegistryFact { kind: None, data: "x".into() };
        facts.insert(r"HKLM\SOFTWARE\Wow6432Node\Else", "a", fact);
        assert_eq!(facts.against_policy(URL).len(), 3);
    }

    #[test]
    fn what_is_no_registry_is_no_evidence() {
        assert_eq!(RegistryFacts::from_json(b"[]"), None);
        assert_eq!(RegistryFacts::from_json(b"nonsense"), None);
    }
}
