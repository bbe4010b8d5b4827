//! The text of "Raising event" records: a WMI event in MOF (field).

use crate::framework::{Context, Process, wmi_datetime};
use crate::site;

/// One property of an event.
pub(crate) enum Field<'a> {
    /// Quoted.
    Text(&'a str, String),
    /// Bare.
    Number(&'a str, u32),
}

/// The record for an event of `class`. Client id, time, process and thread are added; properties stand in the order of
/// their names, as MOF prints them.
pub(crate) fn raising(class: &str, own: Vec<Field<'_>>, cx: &Context<'_>) -> String {
    let mut fields = own;
    if let Some(id) = site::client_id(cx.machine) {
        fields.push(Field::Text("ClientID", id.to_string()));
    }
    fields.push(Field::Text("DateTime", wmi_datetime(cx.now)));
    fields.push(Field::Number("ProcessID", cx.machine.process_id(Process::CcmExec)));
    fields.push(Field::Number("ThreadID", cx.thread()));
    fields.sort_by_key(|field| match field {
        Field::Text(name, _) | Field::Number(name, _) => name.to_lowercase(),
    });
    let lines: String = fields
        .iter()
        .map(|field| match field {
            Field::Text(name, value) => format!("\t{name} = \"{}\";\n", value.replace('\\', r"\\")),
            Field::Number(name, value) => format!("\t{name} = {value};\n"),
        })
        .collect();
    format!("Raising event:\n\ninstance of {class}\n{{\n{lines}}};\n")
}
