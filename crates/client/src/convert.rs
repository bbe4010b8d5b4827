//! Values between the agents' machine and the world's host.

use cmsim_agents::framework as agents;
use cmsim_world::RegistryValue;
use cmsim_world::wmi::{Instance, WmiValue};

pub(crate) fn registry_to_agents(value: RegistryValue) -> agents::RegistryValue {
    match value {
        RegistryValue::Sz(text) | RegistryValue::ExpandSz(text) => agents::RegistryValue::Text(text),
        RegistryValue::Dword(number) => agents::RegistryValue::Number(number),
        RegistryValue::MultiSz(lines) => agents::RegistryValue::Lines(lines),
        RegistryValue::Binary(bytes) => agents::RegistryValue::Bytes(bytes),
        // Agents read no 64-bit numbers; their bytes keep the value whole.
        RegistryValue::Qword(number) => agents::RegistryValue::Bytes(number.to_le_bytes().to_vec()),
    }
}

pub(crate) fn registry_to_world(value: agents::RegistryValue) -> RegistryValue {
    match value {
        agents::RegistryValue::Text(text) => RegistryValue::Sz(text),
        agents::RegistryValue::Number(number) => RegistryValue::Dword(number),
        agents::RegistryValue::Lines(lines) => RegistryValue::MultiSz(lines),
        agents::RegistryValue::Bytes(bytes) => RegistryValue::Binary(bytes),
    }
}

pub(crate) fn instance_to_agents(instance: &Instance) -> agents::WmiInstance {
    instance.properties.iter().map(|(name, value)| (name.clone(), wmi_to_agents(value))).collect()
}

pub(crate) fn instance_to_world(class: &str, properties: agents::WmiInstance) -> Instance {
    Instance {
        class: class.to_owned(),
        properties: properties.into_iter().map(|(name, value)| (name, wmi_to_world(value))).collect(),
    }
}

fn wmi_to_agents(value: &WmiValue) -> agents::WmiValue {
    match value {
        WmiValue::Null => agents::WmiValue::Null,
        WmiValue::Bool(truth) => agents::WmiValue::Bool(*truth),
        WmiValue::Int(number) => agents::WmiValue::Number(*number),
        WmiValue::Text(text) => agents::WmiValue::Text(text.clone()),
        WmiValue::Array(values) => agents::WmiValue::List(values.iter().map(wmi_to_agents).collect()),
        WmiValue::Object(properties) => agents::WmiValue::Instance(
            properties.iter().map(|(name, value)| (name.clone(), wmi_to_agents(value))).collect(),
        ),
    }
}

pub(crate) fn wmi_to_world(value: agents::WmiValue) -> WmiValue {
    match value {
        agents::WmiValue::Null => WmiValue::Null,
        agents::WmiValue::Bool(truth) => WmiValue::Bool(truth),
        agents::WmiValue::Number(number) => WmiValue::Int(number),
        agents::WmiValue::Text(text) => WmiValue::Text(text),
        agents::WmiValue::List(values) => WmiValue::Array(values.into_iter().map(wmi_to_world).collect()),
        agents::WmiValue::Instance(properties) => {
            WmiValue::Object(properties.into_iter().map(|(name, value)| (name, wmi_to_world(value))).collect())
        }
    }
}

/// Whether an instance agrees with every property given.
pub(crate) fn agrees(instance: &Instance, wanted: &agents::WmiInstance) -> bool {
    wanted.iter().all(|(name, value)| instance.get(name).is_some_and(|found| wmi_to_agents(found) == *value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_survive_both_ways() {
        let there = agents::instance([
            ("Text", "x".into()),
            ("Number", 7_u32.into()),
            ("Nothing", agents::WmiValue::Null),
            ("Many", agents::WmiValue::List(vec![true.into(), "y".into()])),
            ("Inner", agents::WmiValue::Instance(agents::instance([("Deep", 1_u32.into())]))),
        ]);
        let world = instance_to_world("Class", there.clone());
        assert_eq!(instance_to_agents(&world), there);
        assert!(agrees(&world, &agents::instance([("Number", 7_u32.into())])));
        assert!(!agrees(&world, &agents::instance([("Number", 8_u32.into())])));
        assert!(!agrees(&world, &agents::instance([("Absent", 8_u32.into())])));
    }

    #[test]
    fn registry_values_survive_both_ways() {
        for value in [
            agents::RegistryValue::Text("x".into()),
            agents::RegistryValue::Number(1),
            agents::RegistryValue::Lines(vec!["a".into()]),
            agents::RegistryValue::Bytes(vec![1, 2]),
        ] {
            assert_eq!(registry_to_agents(registry_to_world(value.clone())), value);
        }
    }
}
