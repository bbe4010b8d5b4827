use proptest::prelude::*;

use super::*;
use crate::limits;

const TINY: XmlLimits = XmlLimits { bytes: 200, depth: 3, attributes: 2, text: 10 };

fn parse(text: &str) -> Result<Element, XmlError> {
    Element::parse(text, TINY)
}

#[test]
fn names_match_by_namespace_whatever_the_prefix() {
    for text in [
        r#"<a xmlns="urn:x"><b xmlns:q="urn:y" q:n="1" n="2"/></a>"#,
        r#"<p:a xmlns:p="urn:x"><p:b xmlns:z="urn:y" z:n='1' n='2'></p:b></p:a>"#,
    ] {
        let mut reader = Reader::new(text, limits::CONTROL_XML).unwrap();
        let root = reader.expect_root("urn:x", "a").unwrap();
        let child = reader.expect_start(&root, "urn:x", "b").unwrap();
        assert_eq!(child.attr_ns("urn:y", "n"), Some("1"));
        assert_eq!(child.attr("n"), Some("2"));
        assert_eq!(child.attrs().collect::<Vec<_>>(), [("n", "2")]);
        assert!(reader.next_child(&root).unwrap().is_none());
        reader.finish().unwrap();
    }
}

#[test]
fn declarations_go_out_of_scope_with_their_element() {
    let error = parse(r#"<a><p:b xmlns:p="u"/><p:c/></a>"#).unwrap_err();
    assert_eq!(error, XmlError::new(21, XmlErrorKind::UndeclaredPrefix("p".to_owned())));
    let root = parse(r#"<a xmlns="u"><b xmlns=""/><c/></a>"#).unwrap();
    assert_eq!(root.children[0].namespace, "");
    assert_eq!(root.children[1].namespace, "u");
}

#[test]
fn text_joins_references_cdata_and_pieces() {
    let root = parse("<a>x&lt;<!-- c -->&#65;<![CDATA[&b]]></a>").unwrap();
    assert_eq!(root.text, "x<A&b");
    let mut reader = Reader::new("<a>&amp;&#x2013;é</a>", TINY).unwrap();
    let root = reader.root().unwrap();
    assert_eq!(reader.text(&root).unwrap(), "&\u{2013}é");
}

#[test]
fn unread_content_is_skipped_and_raw_text_is_literal() {
    let text = "<r><a><x>1</x></a>\r\n<b k='v'>t &amp; u<i/></b><c/></r>";
    let mut reader = Reader::new(text, limits::CONTROL_XML).unwrap();
    let root = reader.root().unwrap();
    assert_eq!(reader.next_child(&root).unwrap().unwrap().local(), "a");
    let b = reader.next_child(&root).unwrap().unwrap();
    assert_eq!(reader.raw_outer(&b).unwrap(), "<b k='v'>t &amp; u<i/></b>");
    let c = reader.next_child(&root).unwrap().unwrap();
    assert_eq!(reader.raw_inner(&c).unwrap(), "");
    assert!(reader.next_child(&root).unwrap().is_none());
    reader.finish().unwrap();
}

#[test]
fn offsets_count_the_byte_order_mark() {
    let text = "\u{FEFF}<a><b></c></a>";
    let mut reader = Reader::from_bytes(text.as_bytes(), TINY).unwrap();
    let root = reader.root().unwrap();
    assert_eq!(root.offset(), 3);
    let error = reader.skip(&root).unwrap_err();
    assert_eq!(error.offset, 9);
    assert!(matches!(error.kind, XmlErrorKind::Syntax(_)));
}

#[test]
fn raw_text_is_right_behind_a_byte_order_mark() {
    let mut reader = Reader::new("\u{FEFF}<a n='1'>xy</a>", TINY).unwrap();
    let root = reader.root().unwrap();
    assert_eq!(root.attr("n"), Some("1"));
    assert_eq!(reader.raw_inner(&root).unwrap(), "xy");
}

#[test]
fn each_limit_holds_at_the_limit_and_fails_one_past_it() {
    let kind = |text: &str| parse(text).map(|_| ()).map_err(|error| error.kind);
    let limit = |what, limit| Err(XmlErrorKind::Limit { what, limit });

    assert_eq!(kind(&format!("<a>{}</a>", "<b/>".repeat(48) + " ")), Ok(()));
    assert_eq!(kind(&format!("<a>{}</a>", "<b/>".repeat(48) + "  ")), limit("bytes", 200));
    assert_eq!(kind("<a><b><c/></b></a>"), Ok(()));
    assert_eq!(kind("<a><b><c><d/></c></b></a>"), limit("nesting levels", 3));
    assert_eq!(kind("<a x='1' y='2'/>"), Ok(()));
    assert_eq!(kind("<a x='1' y='2' xmlns='u'/>"), limit("attributes", 2));
    assert_eq!(kind("<a x='0123456789'>0123456789</a>"), Ok(()));
    assert_eq!(kind("<a x='0123456789a'/>"), limit("bytes of an attribute", 10));
    assert_eq!(kind("<a>01234567890</a>"), limit("bytes of text", 10));
    assert_eq!(kind("<a>012345&lt;&lt;&lt;&lt;&lt;</a>"), limit("bytes of text", 10));
}

#[test]
fn hostile_texts_are_refused_with_a_reason() {
    let kind = |text: &str| parse(text).unwrap_err().kind;
    assert_eq!(kind("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"), XmlErrorKind::Doctype);
    assert_eq!(kind("<a>&b;</a>"), XmlErrorKind::UnknownEntity("b".to_owned()));
    assert_eq!(kind("<a/><b/>"), XmlErrorKind::TrailingContent);
    assert_eq!(kind("<a/>x"), XmlErrorKind::TrailingContent);
    assert_eq!(kind(""), XmlErrorKind::MissingElement("document element".to_owned()));
    for text in ["<a", "<a>", "<a b='1' b='2'/>", "<a b=1/>", "</a>", "<a><b/>", "<a b='&c;'/>"] {
        assert!(matches!(kind(text), XmlErrorKind::Syntax(_)), "{text}");
    }
    let error = Reader::from_bytes(b"<a>\xFF</a>", TINY).map(|_| ()).unwrap_err();
    assert_eq!(error, XmlError::new(3, XmlErrorKind::Encoding));
}

#[test]
fn values_say_what_is_wrong_with_them() {
    let mut reader = Reader::new("<a n='x'>y</a>", TINY).unwrap();
    let root = reader.root().unwrap();
    assert_eq!(
        root.require_parsed::<u32>("n").unwrap_err().to_string(),
        "byte 0: 'x' is not a valid value of attribute 'n'"
    );
    assert_eq!(root.require("m").unwrap_err().to_string(), "byte 0: attribute 'm' of 'a' is missing");
    assert_eq!(reader.parse_text::<u32>(&root).unwrap_err().to_string(), "byte 0: 'y' is not a valid text of 'a'");
}

#[test]
fn the_writer_keeps_order_and_has_both_empty_styles() {
    for (style, empty) in [(EmptyStyle::Tight, "<E/>"), (EmptyStyle::Spaced, "<E />")] {
        let mut writer = Writer::with_style(style);
        writer.start("R").attr("z", "\"<>&'\t").attr("a", "2");
        writer.empty("E").leaf("L", "").leaf("T", "\"a\" < 'b' & c > d\r");
        writer.start("C").cdata("x]]>y").end().raw("<raw/>");
        assert_eq!(
            writer.finish(),
            format!(
                "<R z=\"&quot;&lt;&gt;&amp;'&#x9;\" a=\"2\">{empty}<L></L><T>\"a\" &lt; 'b' &amp; c &gt; d&#xD;</T>\
                 <C><![CDATA[x]]]]><![CDATA[>y]]></C><raw/></R>"
            )
        );
    }
}

fn arb_element() -> impl Strategy<Value = Element> {
    let text = "[ -~\u{9}\u{a}\u{d}é\u{4e00}]{0,12}";
    let attributes = proptest::collection::vec(("[a-zA-Z_][a-zA-Z0-9._-]{0,5}", text), 0..4);
    let leaf = ("[a-zA-Z_][a-zA-Z0-9._-]{0,8}", attributes, text).prop_map(|(name, attributes, text)| Element {
        name,
        attributes: attributes.into_iter().filter(|(name, _)| name != "xmlns").collect(),
        text,
        ..Element::default()
    });
    leaf.prop_recursive(4, 24, 4, |inner| {
        (inner.clone(), proptest::collection::vec(inner, 1..4)).prop_map(|(mut parent, children)| {
            parent.text.clear();
            parent.children = children;
            parent
        })
    })
}

fn write(element: &Element, writer: &mut Writer) {
    writer.start(element.name.clone());
    for (name, value) in &element.attributes {
        writer.attr(name, value);
    }
    if !element.text.is_empty() {
        writer.text(&element.text);
    }
    for child in &element.children {
        write(child, writer);
    }
    writer.end();
}

fn without_offsets(mut element: Element) -> Element {
    element.offset = 0;
    element.children = element.children.into_iter().map(without_offsets).collect();
    element
}

proptest! {
    #[test]
    fn what_is_written_reads_back_and_another_parser_agrees(element in arb_element()) {
        let mut writer = Writer::new();
        write(&element, &mut writer);
        let text = writer.finish();
        let read = Element::parse(&text, limits::CONTROL_XML).unwrap();
        prop_assert_eq!(without_offsets(read), element.clone());

        let document = roxmltree::Document::parse(&text).unwrap();
        let root = document.root_element();
        prop_assert_eq!(root.tag_name().name(), &element.name);
        for (name, value) in &element.attributes {
            prop_assert_eq!(root.attribute(name.as_str()), Some(value.as_str()));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(mut reader) = Reader::from_bytes(&bytes, limits::CONTROL_XML)
            && let Ok(root) = reader.root()
        {
            let _ = reader.skip(&root);
        }
    }

    #[test]
    fn arbitrary_markup_never_panics(text in "[<>/a:&;\"'= !\\-\\[\\]x?\u{FEFF}]{0,60}") {
        let _ = Element::parse(&text, limits::CONTROL_XML);
    }
}
