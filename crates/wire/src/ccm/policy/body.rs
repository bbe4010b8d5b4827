//! Policy bodies: rules whose actions set WMI instances. Evidence: capture of a body (public), SDK documentation.

use serde::{Deserialize, Serialize};

use super::{Condition, PolicyVersion};
use crate::limits;
use crate::xml::{NO_NAMESPACE, Reader, Tag, Writer, XmlError, XmlErrorKind};

/// Flag that makes a CIM type an array of that type (docs: CIMTYPE_ENUMERATION).
pub const CIM_ARRAY: u16 = 0x2000;

/// CIM types that policies use, by their numbers (docs; 8 and 19 also capture).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CimType {
    /// A signed 32-bit number.
    Sint32,
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// An unsigned 32-bit number.
    Uint32,
    /// A CIM date-time.
    DateTime,
}

impl CimType {
    const ALL: [Self; 5] = [Self::Sint32, Self::String, Self::Boolean, Self::Uint32, Self::DateTime];

    /// The number in `property/@type`.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Sint32 => 3,
            Self::String => 8,
            Self::Boolean => 11,
            Self::Uint32 => 19,
            Self::DateTime => 101,
        }
    }

    fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number & !CIM_ARRAY)
    }
}

/// One property of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Name.
    pub name: String,
    /// Type of the value or of the array's elements.
    pub kind: CimType,
    /// Whether the value is an array.
    pub array: bool,
    /// The value: exactly one unless it is an array.
    pub values: Vec<String>,
}

/// One WMI instance.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Instance {
    /// Class name.
    pub class: String,
    /// Properties, in document order.
    pub properties: Vec<Property>,
}

impl Instance {
    /// An instance without properties.
    #[must_use]
    pub fn new(class: impl Into<String>) -> Self {
        Self { class: class.into(), properties: Vec::new() }
    }

    /// Adds a property with one value.
    #[must_use]
    pub fn with(mut self, name: &str, kind: CimType, value: impl ToString) -> Self {
        self.properties.push(Property { name: name.to_owned(), kind, array: false, values: vec![value.to_string()] });
        self
    }

    /// Adds an array property.
    #[must_use]
    pub fn with_array<T: ToString>(mut self, name: &str, kind: CimType, values: &[T]) -> Self {
        self.properties.push(Property {
            name: name.to_owned(),
            kind,
            array: true,
            values: values.iter().map(ToString::to_string).collect(),
        });
        self
    }

    /// The property of that name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// The single value of the property of that name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        match self.property(name)?.values.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }
}

/// A rule: instances that hold while the condition does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRule {
    /// Rule id.
    pub id: String,
    /// When it holds; none means always.
    pub condition: Option<Condition>,
    /// What it sets.
    pub instances: Vec<Instance>,
}

/// One policy body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyBody {
    /// Policy id.
    pub id: String,
    /// Version.
    pub version: PolicyVersion,
    /// `SMS:` and the site code.
    pub source: String,
    /// The rules.
    pub rules: Vec<PolicyRule>,
}

impl PolicyBody {
    /// Name of the root element.
    pub const ROOT: &'static str = "Policy";

    /// The document with its declaration.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.raw("<?xml version=\"1.0\" ?>\r\n");
        writer.start(Self::ROOT).attr("PolicyType", "Machine").attr("SchemaVersion", "1.00");
        writer.attr("PolicyID", &self.id).attr("PolicyVersion", self.version.to_string());
        writer.attr("PolicySource", &self.source);
        for rule in &self.rules {
            writer.start("PolicyRule").attr("PolicyRuleID", &rule.id);
            if let Some(condition) = &rule.condition {
                condition.write(&mut writer);
            }
            writer.start("PolicyAction").attr("PolicyActionType", "WMI-XML");
            for instance in &rule.instances {
                write_instance(&mut writer, instance);
            }
            writer.end().end();
        }
        writer.finish()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`XmlError`] when it is not a policy, or a part is missing, malformed or of an unknown type.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::REPORT_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let mut body = Self {
            id: root.require("PolicyID")?.to_owned(),
            version: root.require_parsed("PolicyVersion")?,
            source: root.attr("PolicySource").unwrap_or_default().to_owned(),
            rules: Vec::new(),
        };
        while let Some(rule) = reader.next_child(&root)? {
            if rule.local() == "PolicyRule" {
                bounded(&rule, body.rules.len())?;
                body.rules.push(read_rule(&mut reader, &rule)?);
            }
        }
        reader.finish()?;
        Ok(body)
    }

    /// All instances of all rules.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.rules.iter().flat_map(|rule| &rule.instances)
    }
}

fn write_instance(writer: &mut Writer, instance: &Instance) {
    writer.start("instance").attr("class", &instance.class);
    for property in &instance.properties {
        let number = property.kind.number() | if property.array { CIM_ARRAY } else { 0 };
        writer.start("property").attr("name", &property.name).attr("type", number.to_string());
        for value in &property.values {
            writer.start("value").cdata(value).end();
        }
        writer.end();
    }
    writer.end();
}

fn read_rule<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<PolicyRule, XmlError> {
    let mut rule = PolicyRule {
        id: tag.attr("PolicyRuleID").unwrap_or_default().to_owned(),
        condition: None,
        instances: Vec::new(),
    };
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "Condition" => rule.condition = Condition::read(reader, &child)?,
            "PolicyAction" => {
                while let Some(instance) = reader.next_child(&child)? {
                    if instance.local() == "instance" {
                        bounded(&instance, rule.instances.len())?;
                        rule.instances.push(read_instance(reader, &instance)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(rule)
}

fn read_instance<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Instance, XmlError> {
    let mut instance = Instance::new(tag.require("class")?);
    while let Some(property) = reader.next_child(tag)? {
        if property.local() != "property" {
            continue;
        }
        bounded(&property, instance.properties.len())?;
        let number: u16 = property.require_parsed("type")?;
        let unknown = || property.error(XmlErrorKind::value("CIM type", &number.to_string()));
        let mut read = Property {
            name: property.require("name")?.to_owned(),
            kind: CimType::from_number(number).ok_or_else(unknown)?,
            array: number & CIM_ARRAY != 0,
            values: Vec::new(),
        };
        while let Some(value) = reader.next_child(&property)? {
            bounded(&value, read.values.len())?;
            read.values.push(reader.text(&value)?.into_owned());
        }
        instance.properties.push(read);
    }
    Ok(instance)
}

fn bounded(tag: &Tag<'_>, already: usize) -> Result<(), XmlError> {
    if already < limits::LIST_ITEMS {
        return Ok(());
    }
    Err(tag.error(XmlErrorKind::Limit { what: "rules, instances or properties", limit: limits::LIST_ITEMS }))
}
