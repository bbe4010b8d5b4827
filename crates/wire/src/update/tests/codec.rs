use proptest::prelude::*;
use uuid::Uuid;

use crate::limits::UPDATE_XML;
use crate::update::rules::{Expression, RegDword, RegKeyExists, Rule, Scalar, WindowsVersion};
use crate::update::*;

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../../tests/golden/update/", $name))
    };
}

#[test]
fn core_goldens_come_back_byte_for_byte() {
    let goldens = [
        golden!("core-category.xml"),
        golden!("core-cbs.xml"),
        golden!("core-rules.xml"),
        golden!("core-bundle.xml"),
        golden!("core-unknown.xml"),
    ];
    for text in goldens {
        assert_eq!(CoreFragment::decode(text).unwrap().encode(), text);
    }
}

#[test]
fn extended_and_localized_goldens_come_back_byte_for_byte() {
    for text in [golden!("extended-category.xml"), golden!("extended-cbs.xml"), golden!("extended-command.xml")] {
        assert_eq!(ExtendedFragment::decode(text).unwrap().encode(), text);
    }
    let text = golden!("localized.xml");
    assert_eq!(LocalizedProperties::decode(text).unwrap().encode(), text);
}

#[test]
fn the_golden_with_every_rule_has_no_unknown_one() {
    fn known(expression: &Expression) -> bool {
        match expression {
            Expression::And(parts) | Expression::Or(parts) => parts.iter().all(known),
            Expression::Not(body) | Expression::RegKeyLoop { body, .. } => known(body),
            Expression::Unknown(_) => false,
            _ => true,
        }
    }
    let core = CoreFragment::decode(golden!("core-rules.xml")).unwrap();
    let rules = core.rules.unwrap();
    for condition in [&rules.is_installed, &rules.is_superseded, &rules.is_installable] {
        assert!(known(condition.as_ref().unwrap()));
    }
    assert!(rules.metadata.iter().all(|item| !matches!(item, Metadata::Other { .. })));
}

#[test]
fn an_extended_fragment_tells_its_parts() {
    let extended = ExtendedFragment::decode(golden!("extended-command.xml")).unwrap();
    assert_eq!(extended.properties.severity(), Some("Important"));
    assert_eq!(extended.properties.max_download_size(), Some(25));
    assert_eq!(extended.properties.kb_articles().collect::<Vec<_>>(), ["9000002"]);
    assert_eq!(extended.properties.bulletins().collect::<Vec<_>>(), ["MS13-900"]);
    assert_eq!(extended.files[0].name(), Some("simapp-7.exe"));
    let HandlerBody::Command(command) = extended.handler.unwrap().body else {
        panic!("not a command");
    };
    assert_eq!(command.return_codes[1].code, 3010);

    let category = ExtendedFragment::decode(golden!("extended-category.xml")).unwrap();
    let HandlerBody::Category(information) = category.handler.unwrap().body else {
        panic!("not a category");
    };
    assert_eq!(information.category_type.as_deref(), Some("Product"));
}

#[test]
fn handler_data_beyond_the_types_stays_literal() {
    let text = r#"<ExtendedProperties Handler="h" /><HandlerSpecificData type="cbs:Cbs"><CbsData PackageIdentity="" Extra="1"/></HandlerSpecificData>"#;
    let extended = ExtendedFragment::decode(text).unwrap();
    assert_eq!(extended.encode(), text);
    assert!(matches!(extended.handler.unwrap().body, HandlerBody::Other(_)));
}

#[test]
fn identities_are_read_in_either_case() {
    let text = golden!("core-category.xml").replace("5c0b7a1e", "5C0B7A1E");
    let core = CoreFragment::decode(&text).unwrap();
    assert_eq!(core.encode(), golden!("core-category.xml"));
}

#[test]
fn errors_say_where() {
    let error = CoreFragment::decode(r#"<UpdateIdentity UpdateID="x" RevisionNumber="1" />"#).unwrap_err();
    assert_eq!(error.0.offset, 0);
    assert!(error.to_string().contains("UpdateID"), "{error}");
    for bad in ["", "<Properties UpdateType=\"Software\" />", "</f><f>", "<a"] {
        assert!(CoreFragment::decode(bad).is_err(), "{bad}");
        assert!(ExtendedFragment::decode(bad).is_err(), "{bad}");
        assert!(LocalizedProperties::decode(bad).is_err(), "{bad}");
    }
}

/// A core fragment whose rules nest `levels` times.
fn nested(levels: usize) -> String {
    let head = r#"<UpdateIdentity UpdateID="5c0b7a1e-3d44-4f0e-9d55-0d3f1a2b4c01" RevisionNumber="1" /><Properties UpdateType="Software" /><ApplicabilityRules><IsInstalled>"#;
    let tail = "</IsInstalled></ApplicabilityRules>";
    format!("{head}{}<True />{}{tail}", "<And>".repeat(levels), "</And>".repeat(levels))
}

#[test]
fn depth_and_length_are_limited() {
    // Two levels above the first operator, one for the innermost rule.
    let deepest = UPDATE_XML.depth - 3;
    assert!(CoreFragment::decode(&nested(deepest)).is_ok());
    assert!(CoreFragment::decode(&nested(deepest + 1)).is_err());

    // Four kilobytes of blanks and an element at a time: one text alone has a limit of its own.
    let block = format!("{}<X/>", " ".repeat(4092));
    let mut text = nested(1);
    text.push_str(&block.repeat((UPDATE_XML.bytes - text.len()) / block.len()));
    text.push_str(&" ".repeat(UPDATE_XML.bytes - text.len()));
    assert!(CoreFragment::decode(&text).is_ok());
    text.push(' ');
    assert!(CoreFragment::decode(&text).is_err());
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äß€]{0,20}"
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn identity() -> impl Strategy<Value = UpdateIdentity> {
    (id(), any::<u32>()).prop_map(|(id, revision)| UpdateIdentity { id, revision })
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::LessThan),
        Just(Scalar::LessThanOrEqualTo),
        Just(Scalar::EqualTo),
        Just(Scalar::GreaterThanOrEqualTo),
        Just(Scalar::GreaterThan)
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    let reg_type32 = || any::<Option<bool>>();
    let leaf = prop_oneof![
        Just(Expression::True),
        Just(Expression::False),
        (text(), text(), reg_type32()).prop_map(|(key, subkey, reg_type32)| {
            Rule::RegKeyExists(RegKeyExists { key, subkey, reg_type32 }).into()
        }),
        (text(), text(), text(), reg_type32(), scalar(), any::<u32>()).prop_map(
            |(key, subkey, value, reg_type32, comparison, data)| {
                let rule = RegDword { key, subkey, value, reg_type32, comparison, data };
                Rule::RegDword(rule).into()
            }
        ),
        (proptest::option::of(scalar()), any::<[Option<u32>; 7]>()).prop_map(|(comparison, parts)| {
            let [major, minor, build, service_pack_major, service_pack_minor, suite_mask, product_type] = parts;
            let rule = WindowsVersion {
                comparison,
                major,
                minor,
                build,
                service_pack_major,
                service_pack_minor,
                all_suites: None,
                suite_mask,
                product_type,
            };
            Rule::WindowsVersion(rule).into()
        }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Expression::And),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Expression::Or),
            inner.prop_map(|body| Expression::Not(Box::new(body))),
        ]
    })
}

fn relationships() -> impl Strategy<Value = Relationships> {
    let clause = (proptest::collection::vec(id(), 1..3), any::<bool>()).prop_map(|(any_of, is_category)| Clause {
        grouped: is_category || any_of.len() > 1,
        any_of,
        is_category,
    });
    let part = proptest::collection::vec(identity(), 1..3)
        .prop_map(|any_of| BundleClause { grouped: any_of.len() > 1, any_of });
    let lists = (
        proptest::collection::vec(id(), 0..3),
        proptest::collection::vec(clause, 0..4),
        proptest::collection::vec(part, 0..3),
    );
    lists.prop_map(|(superseded, prerequisites, bundled)| Relationships {
        superseded,
        prerequisites,
        bundled,
        other: Vec::new(),
    })
}

prop_compose! {
    fn core()(
        identity in identity(),
        flags in any::<[bool; 3]>(),
        eula_id in proptest::option::of(text()),
        relationships in proptest::option::of(relationships()),
        conditions in proptest::option::of([
            proptest::option::of(expression()), proptest::option::of(expression()), proptest::option::of(expression()),
        ]),
    ) -> CoreFragment {
        let [explicitly_deployable, auto_select_on_web_sites, os_upgrade] = flags;
        CoreFragment {
            identity,
            properties: Properties {
                explicitly_deployable,
                auto_select_on_web_sites,
                os_upgrade,
                eula_id,
                ..Properties::of(UpdateType::Software)
            },
            relationships,
            rules: conditions.map(|[is_installed, is_superseded, is_installable]| ApplicabilityRules {
                is_installed,
                is_superseded,
                is_installable,
                ..ApplicabilityRules::default()
            }),
            other: Vec::new(),
        }
    }
}

fn attributes() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = proptest::sample::subsequence(vec!["Digest", "FileName", "Size", "Modified"], 0..4);
    (names, text()).prop_map(|(names, value)| names.into_iter().map(|name| (name.to_owned(), value.clone())).collect())
}

prop_compose! {
    fn extended()(
        attributes in attributes(),
        kb in proptest::option::of(text()),
        reboot in proptest::option::of(text()),
        files in proptest::collection::vec(attributes(), 0..3),
        digest in text(),
        command in proptest::option::of((text(), text(), any::<bool>(), proptest::collection::vec(any::<i32>(), 0..3))),
    ) -> ExtendedFragment {
        let behavior = reboot.map(|value| Behavior(vec![("RebootBehavior".to_owned(), value)]));
        let mut items: Vec<PropertyItem> = behavior.map(PropertyItem::InstallationBehavior).into_iter().collect();
        items.extend(kb.map(PropertyItem::KbArticleId));
        let file = |attributes| File {
            attributes,
            additional_digests: vec![("SHA256".to_owned(), digest.clone())],
            other: Vec::new(),
        };
        ExtendedFragment {
            properties: ExtendedProperties { attributes, items },
            files: files.into_iter().map(file).collect(),
            handler: command.map(|(program, arguments, reboot_by_default, codes)| HandlerSpecificData {
                kind: "cmd:CommandLineInstallation".to_owned(),
                body: HandlerBody::Command(InstallCommand {
                    program,
                    arguments,
                    reboot_by_default,
                    default_result: "Failed".to_owned(),
                    return_codes: codes
                        .into_iter()
                        .map(|code| ReturnCode { code, result: "Succeeded".to_owned(), reboot: code == 3010 })
                        .collect(),
                }),
            }),
            other: Vec::new(),
        }
    }
}

prop_compose! {
    fn localized()(
        language in text(),
        title in text(),
        description in proptest::option::of(text()),
        more_info_urls in proptest::collection::vec(text(), 0..3),
        support_url in proptest::option::of(text()),
    ) -> LocalizedProperties {
        LocalizedProperties {
            language,
            title,
            description,
            more_info_urls,
            support_url,
            ..LocalizedProperties::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn core_round_trip(core in core()) {
        let text = core.encode();
        let back = CoreFragment::decode(&text).unwrap();
        prop_assert_eq!(&back.encode(), &text);
        prop_assert_eq!(back, core);
    }

    #[test]
    fn extended_round_trip(extended in extended()) {
        let text = extended.encode();
        let back = ExtendedFragment::decode(&text).unwrap();
        prop_assert_eq!(&back.encode(), &text);
        prop_assert_eq!(back, extended);
    }

    #[test]
    fn localized_round_trip(localized in localized()) {
        let text = localized.encode();
        let back = LocalizedProperties::decode(&text).unwrap();
        prop_assert_eq!(&back.encode(), &text);
        prop_assert_eq!(back, localized);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        let _ = CoreFragment::decode(&text);
        let _ = ExtendedFragment::decode(&text);
        let _ = LocalizedProperties::decode(&text);
    }

    /// A fragment with one byte range cut out: close to real, so that the deeper readers are reached.
    #[test]
    fn damaged_fragments_never_panic(from in 0_usize..3000, length in 1_usize..40) {
        for text in [golden!("core-rules.xml"), golden!("core-bundle.xml"), golden!("extended-command.xml")] {
            let from = from % text.len();
            let cut: String = text.chars().enumerate().filter(|(at, _)| *at < from || *at >= from + length).map(|(_, c)| c).collect();
            if let Ok(core) = CoreFragment::decode(&cut) {
                prop_assert!(CoreFragment::decode(&core.encode()).is_ok());
            }
            let _ = ExtendedFragment::decode(&cut);
        }
    }
}
