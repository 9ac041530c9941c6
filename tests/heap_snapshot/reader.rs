//! The reader believes nothing, and does not mind how the bytes come.

use heapwise::core::heap_snapshot::graph::{EdgeKind, Graph, NodeKind};
use heapwise::core::heap_snapshot::reader::{ReadError, Reader};
use proptest::collection::vec;
use proptest::prelude::*;

use super::build::{EDGE_KINDS, Made, NODE_KINDS, pieces, whole};
use super::cases::config;

fn any_made() -> impl Strategy<Value = Made> {
    let node = (0..NODE_KINDS.len(), ".{0,12}", 0..1u64 << 40);
    let edge = (any::<prop::sample::Index>(), 0..EDGE_KINDS.len(), 0..5000u32, any::<prop::sample::Index>());
    let location = (any::<prop::sample::Index>(), 0..9u32, 0..9u32, 0..9u32);
    (vec(node, 1..30), vec(edge, 0..80), vec(location, 0..9), any::<bool>()).prop_map(|(nodes, edges, places, old)| {
        let mut made = Made { old, ..Made::default() };
        for (kind, name, size) in nodes {
            made.node(NODE_KINDS[kind], &name, size);
        }
        let count = made.nodes.len();
        for (from, kind, name, to) in edges {
            made.edge(from.index(count), EDGE_KINDS[kind], name, to.index(count));
        }
        made.locations = places.into_iter().map(|(node, a, b, c)| (node.index(count), a, b, c)).collect();
        made
    })
}

fn same(a: &Graph, b: &Graph) {
    assert_eq!((a.nodes(), a.edges(), a.strings().len()), (b.nodes(), b.edges(), b.strings().len()));
    for node in 0..a.nodes() as u32 {
        assert_eq!((a.kind(node), a.name(node), a.id(node)), (b.kind(node), b.name(node), b.id(node)));
        assert_eq!((a.size(node), a.location(node)), (b.size(node), b.location(node)));
        assert!(a.edges_of(node).eq(b.edges_of(node)));
    }
}

fn is_as_made(made: &Made, graph: &Graph) {
    assert_eq!((graph.nodes(), graph.edges()), (made.nodes.len(), made.edges.len()));
    for (index, (kind, name, id, size)) in made.nodes.iter().enumerate() {
        let node = index as u32;
        assert_eq!(graph.kind(node), NodeKind::from_name(kind.as_bytes()));
        assert_eq!((graph.name(node), graph.id(node), graph.size(node)), (name.as_bytes(), *id, *size));
        let own: Vec<_> = made.edges.iter().filter(|edge| edge.0 == index).collect();
        assert_eq!(graph.range(node).len(), own.len());
        for (edge, (_, kind, name, to)) in graph.edges_of(node).zip(own) {
            assert_eq!((edge.kind, edge.to), (EdgeKind::from_name(kind.as_bytes()), *to as u32));
            if edge.kind.is_numbered() {
                assert_eq!(edge.name.to_string(), *name);
            } else {
                assert_eq!(graph.edge_name(edge), name.as_bytes());
            }
        }
    }
    for (node, ..) in &made.locations {
        let found = graph.location(*node as u32).unwrap();
        assert!(made.locations.contains(&(*node, found.script, found.line, found.column)));
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn what_was_written_is_read(made in any_made()) {
        is_as_made(&made, &made.graph());
    }

    #[test]
    fn chunks_do_not_matter(made in any_made(), cuts in vec(any::<usize>(), 0..40)) {
        let text = made.text();
        same(&whole(text.as_bytes()).unwrap(), &pieces(text.as_bytes(), &cuts).unwrap());
    }

    #[test]
    fn byte_for_byte(made in any_made()) {
        let text = made.text();
        let all: Vec<usize> = (0..text.len()).collect();
        same(&whole(text.as_bytes()).unwrap(), &pieces(text.as_bytes(), &all).unwrap());
    }

    #[test]
    fn a_part_is_refused(made in any_made(), cut in any::<prop::sample::Index>()) {
        let text = made.text();
        // The line's end after the last bracket may be missing.
        let bytes = &text.as_bytes()[..cut.index(text.len() - 1)];
        prop_assert!(whole(bytes).is_err());
    }

    /// Whatever is damaged, there is an answer; and the same one however the bytes come.
    #[test]
    fn damage_is_survived(
        made in any_made(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
        cuts in vec(any::<usize>(), 0..10),
    ) {
        let mut bytes = made.text().into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, b"0123456789,[]{}\":-e.\\"[usize::from(byte) % 21]),
                2 => _ = bytes.remove(at),
                _ => bytes[at] = b'9',
            }
        }
        match (whole(&bytes), pieces(&bytes, &cuts)) {
            (Ok(a), Ok(b)) => same(&a, &b),
            (Err(_), Err(_)) => (),
            (a, b) => prop_assert!(false, "{:?} and {:?}", a.is_ok(), b.is_ok()),
        }
    }

    #[test]
    fn noise_is_refused(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(whole(&bytes).is_err());
    }
}

fn small() -> Made {
    let mut made = Made::default();
    let root = made.node("synthetic", "", 0);
    let object = made.node("object", "Thing", 24);
    made.edge(root, "property", "thing", object);
    made
}

fn refusal(text: &str) -> String {
    match whole(text.as_bytes()) {
        Err(error @ (ReadError::Content(_) | ReadError::Syntax { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn contradictions_are_refused() {
    let text = small().text();
    is_as_made(&small(), &whole(text.as_bytes()).unwrap());
    for (from, to, says) in [
        ("\"node_count\":2", "\"node_count\":3", "another number of nodes"),
        ("\"edge_count\":1", "\"edge_count\":7", "another number of edges"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,2,12]", "where no node is"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,2,7]", "where no node is"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,99,6]", "an edge has a name that is not there"),
        ("\"edges\":[2,2,6]", "\"edges\":[9,2,6]", "an edge of kind 9"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,2]", "has 2 of 3 fields"),
        ("\"edges\":[2,2,6]", "\"edges\":[]", "the nodes have 1 edges, and there are 0"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,2,6,2,2,6]", "more edges than the nodes have"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,2,-6]", "no number"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,2,6e0]", "no number"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,2,06]", "malformed"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,,2,6]", "a value is missing"),
        ("\"edges\":[2,2,6]", "\"edges\":[2 2,6]", "a comma is missing"),
        ("\"edges\":[2,2,6]", "\"edges\":[2,2,6,]", "a value is missing"),
        ("\"nodes\":[9,", "\"nodes\":[99,", "a node of kind 99"),
        ("24,0,0]", "99999999999999999999999,0,0]", "too large"),
        ("24,0,0]", "24,4294967296,0]", "a number of edges"),
        ("24,0,0]", "24,0]", "has 5 of 6 fields"),
        ("\"self_size\",", "", "the fields of a node are not described"),
        ("\"self_size\",", "\"self_size\",\"self_size\",", "the fields of a node are not described"),
        ("\"to_node\"", "\"from_node\"", "the fields of an edge are not described"),
        ("\"strings\"", "\"stings\"", "there is no 'strings'"),
        ("\"samples\":[]", "\"nodes\":[]", "'nodes' comes twice"),
        ("\"locations\":[]", "\"locations\":[5,0,0,0]", "where no node is"),
        ("\"<dummy>\"", "\"\u{1}\"", "control character"),
        ("\"<dummy>\"", "7", "no string"),
        ("{\"snapshot\"", "[{\"snapshot\"", "it is no object"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let said = refusal(&text.replacen(from, to, 1));
        assert!(said.contains(says), "{from} -> {to}: {said}");
    }
}

#[test]
fn what_is_declared_is_not_believed() {
    // A count of nodes for which no memory could be had.
    let text = small().text().replace("\"node_count\":2", "\"node_count\":9007199254740992");
    assert!(refusal(&text).contains("another number of nodes"));
    let deep = "[".repeat(100_000);
    assert!(refusal(&deep).contains("no object"));
    let deep = small().text().replace("\"samples\":[]", &format!("\"samples\":{deep}"));
    assert!(refusal(&deep).contains("nested too deep"));
}

#[test]
fn sections_in_the_wrong_order_are_refused() {
    let text = small().text();
    let edges = "\"edges\":[2,2,6],\n";
    let moved = text.replace(edges, "").replacen("\"snapshot\"", &format!("{edges}\"snapshot\""), 1);
    assert!(refusal(&moved).contains("the fields of an edge are not described"));
}

#[test]
fn strings_are_unescaped() {
    let text = small().text().replace("\"<dummy>\"", r#""a\"\\\/\b\f\n\r\té😀\ud800x\udc00""#);
    let graph = whole(text.as_bytes()).unwrap();
    assert_eq!(graph.strings().text(0), "a\"\\/\u{8}\u{c}\n\r\té😀\u{fffd}x\u{fffd}");
}

#[test]
fn long_strings_are_cut_between_characters() {
    let text = small().text().replace("<dummy>", &"é".repeat(5000));
    let graph = whole(text.as_bytes()).unwrap();
    assert_eq!(graph.strings().text(0), "é".repeat(2048));
}

#[test]
fn nothing_after_the_end() {
    let mut reader = Reader::new(0);
    reader.push(small().text().as_bytes()).unwrap();
    assert!(reader.push(b"x").is_err());
}
