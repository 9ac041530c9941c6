//! Names and places, on heaps as V8 writes them.

use heapwise::core::heap_snapshot::graph::Graph;
use heapwise::core::heap_snapshot::holders::{End, Holder, Holders, Via};
use heapwise::core::heap_snapshot::names::Names;
use heapwise::core::heap_snapshot::retained::{Retainers, Strength};

use super::build::Made;

/// A module with a function in it, which sees the module's variables.
struct Module {
    made: Made,
    native: usize,
    context: usize,
    function: usize,
    shared: usize,
}

fn module(script: &str) -> Module {
    let mut made = Made::default();
    let root = made.node("synthetic", "", 0);
    let native = made.node("hidden", "system / NativeContext", 2000);
    let global = made.node("object", "global", 40);
    let context = made.node("object", "system / Context", 8 * 5);
    let scope = made.node("code", "system / ScopeInfo", 80);
    let function = made.node("closure", "handler", 64);
    let shared = made.node("code", "handler", 56);
    let source = made.node("code", script, 144);
    let name = made.node("string", "list", 24);
    made.edge(root, "shortcut", "0", native);
    made.edge(native, "internal", "global_object", global);
    made.edge(global, "property", "handler", function);
    made.edge(function, "internal", "context", context);
    made.edge(function, "internal", "shared", shared);
    made.edge(shared, "internal", "script", source);
    made.edge(context, "internal", "previous", native);
    made.edge(context, "internal", "scope_info", scope);
    made.edge(scope, "hidden", 0, name);
    made.locations.push((function, 5, 11, 3));
    Module { made, native, context, function, shared }
}

fn holder(graph: &Graph, node: usize) -> Holder {
    let names = Names::new(graph.strings());
    let strength = Strength::new(graph);
    let retainers = Retainers::new(graph, &strength);
    Holders::new(graph, &names, &strength, &retainers, &["/app/node_modules/heapwise/lib/".into()]).of(node as u32)
}

#[test]
fn a_variable_of_a_module() {
    let mut it = module("/app/server.js");
    let list = it.made.node("object", "Array", 32);
    it.made.edge(it.context, "context", "list", list);
    let found = holder(&it.made.graph(), list);
    let End::Variable(name, place) = found.end else { panic!("{found:?}") };
    assert_eq!(
        (name.as_str(), place.script.as_str(), place.module, place.exact),
        ("list", "/app/server.js", true, false)
    );
    assert_eq!((place.function.as_str(), place.line, place.column), ("", 12, 4));
    assert_eq!(found.steps, []);
}

#[test]
fn a_variable_of_a_function() {
    let mut it = module("/app/server.js");
    let inner = it.made.node("object", "system / Context", 8 * 5);
    let scope = it.made.node("code", "system / ScopeInfo", 80);
    let closure = it.made.node("closure", "", 64);
    let names = ["list", "handler"].map(|name| it.made.node("string", name, 24));
    let list = it.made.node("object", "Array", 32);
    it.made.edge(it.context, "context", "add", closure);
    it.made.edge(closure, "internal", "context", inner);
    it.made.edge(closure, "internal", "shared", it.shared);
    it.made.edge(inner, "internal", "previous", it.context);
    it.made.edge(inner, "internal", "scope_info", scope);
    it.made.edge(scope, "hidden", 0, names[0]);
    it.made.edge(scope, "hidden", 1, names[1]);
    it.made.edge(inner, "context", "list", list);
    let found = holder(&it.made.graph(), list);
    let End::Variable(name, place) = found.end else { panic!("{found:?}") };
    assert_eq!((name.as_str(), place.function.as_str(), place.module), ("list", "handler", false));
    // Of the function itself, which is still there.
    assert_eq!((place.line, place.column, place.exact), (12, 4, true));
}

#[test]
fn steps_from_a_variable() {
    let mut it = module("/app/server.js");
    let store = it.made.node("object", "Store", 32);
    let map = it.made.node("object", "Map", 32);
    let table = it.made.node("array", "", 400);
    let entry = it.made.node("object", "Entry", 32);
    let list = it.made.node("object", "Array", 32);
    it.made.edge(it.context, "context", "list", store);
    it.made.edge(store, "property", "byId", map);
    it.made.edge(map, "internal", "table", table);
    it.made.edge(table, "internal", 20, entry);
    it.made.edge(entry, "property", "rows", list);
    let found = holder(&it.made.graph(), list);
    assert!(matches!(found.end, End::Variable(..)), "{found:?}");
    let steps: Vec<_> = found.steps.iter().map(|step| (step.via, step.name.as_str(), step.class.as_str())).collect();
    assert_eq!(steps, [(Via::Property, "byId", "Store"), (Via::Entry, "", "Map"), (Via::Property, "rows", "Entry")]);
}

#[test]
fn a_global() {
    let mut it = module("/app/server.js");
    let list = it.made.node("object", "Array", 32);
    it.made.edge(2, "property", "cache", list);
    assert_eq!(holder(&it.made.graph(), list).end, End::Global("cache".into()));
}

#[test]
fn what_is_not_the_users() {
    for script in [
        "node:internal/timers",
        "/app/node_modules/heapwise/lib/leaks/watch.js",
        "file:///app/node_modules/heapwise/lib/leaks/watch.js",
        "/app/node_modules/jest-runtime/build/index.js",
        "",
    ] {
        let mut it = module(script);
        let list = it.made.node("object", "Array", 32);
        it.made.edge(it.context, "context", "list", list);
        assert_eq!(holder(&it.made.graph(), list).end, End::Foreign(script.into()));
        // A property of one of its functions: `Module._cache`.
        let cache = it.made.node("object", "Object", 32);
        it.made.edge(it.function, "property", "_cache", cache);
        assert_eq!(holder(&it.made.graph(), cache).end, End::Foreign(script.into()));
    }
}

#[test]
fn a_user_who_has_a_name_for_it_goes_first() {
    let mut it = module("node:internal/streams/from");
    let list = it.made.node("object", "Array", 32);
    it.made.edge(it.context, "context", "iterable", list);
    it.made.edge(2, "property", "rows", list);
    assert_eq!(holder(&it.made.graph(), list).end, End::Global("rows".into()));
}

#[test]
fn an_export() {
    let mut it = module("file:///app/store.mjs");
    let module = it.made.node("hidden", "system / SourceTextModule", 144);
    let table = it.made.node("array", "", 104);
    let name = it.made.node("string", "byId", 24);
    let cell = it.made.node("hidden", "system / Cell", 16);
    let map = it.made.node("object", "Map", 32);
    it.made.edge(it.context, "internal", "extension", module);
    it.made.edge(module, "hidden", 0, table);
    it.made.edge(table, "internal", 9, name);
    it.made.edge(table, "internal", 10, cell);
    it.made.edge(cell, "internal", "value", map);
    let found = holder(&it.made.graph(), map);
    let End::Export(name, place) = found.end else { panic!("{found:?}") };
    assert_eq!((name.as_str(), place.script.as_str()), ("byId", "file:///app/store.mjs"));
}

#[test]
fn a_function_that_waits() {
    let mut it = module("/app/server.js");
    let generator = it.made.node("object", "Generator", 88);
    let registers = it.made.node("array", "", 72);
    let list = it.made.node("object", "Array", 32);
    it.made.edge(it.native, "internal", "microtask", generator);
    it.made.edge(generator, "internal", "parameters_and_registers", registers);
    it.made.edge(generator, "internal", "function", it.function);
    it.made.edge(registers, "internal", 1, list);
    let found = holder(&it.made.graph(), list);
    let End::Suspended(place) = found.end else { panic!("{found:?}") };
    assert_eq!((place.function.as_str(), place.line), ("handler", 12));
}

#[test]
fn nobody_is_named_when_nobody_has_a_name() {
    let mut it = module("/app/server.js");
    let list = it.made.node("object", "Array", 32);
    it.made.edge(0, "element", 1, list);
    assert_eq!(holder(&it.made.graph(), list), Holder { end: End::Unknown, steps: vec![], within: None });
}

#[test]
fn the_inside_of_a_cache_of_heapwise_is_the_cache() {
    let mut it = module("/app/server.js");
    let constructor = it.made.node("closure", "LRUCache", 64);
    let shared = it.made.node("code", "LRUCache", 56);
    let source = it.made.node("code", "/app/node_modules/heapwise/lib/lru-cache.js", 144);
    let [outer, inner] = ["BoundedMap", "LRUCache"].map(|class| it.made.node("object", class, 32));
    let values = it.made.node("object", "Array", 32);
    it.made.edge(constructor, "internal", "shared", shared);
    it.made.edge(shared, "internal", "script", source);
    it.made.edge(it.context, "context", "list", outer);
    it.made.edge(outer, "property", "#cache", inner);
    it.made.edge(inner, "property", "vals", values);
    it.made.locations.extend([(constructor, 6, 1, 1), (outer, 6, 9, 9), (inner, 6, 1, 1)]);
    let found = holder(&it.made.graph(), values);
    assert!(matches!(&found.end, End::Variable(name, _) if name == "list"), "{found:?}");
    assert_eq!((found.steps, found.within.as_deref()), (vec![], Some("BoundedMap")));
}

#[test]
fn a_class_that_only_its_instances_know() {
    let mut it = module("/app/server.js");
    let class = it.made.node("closure", "Store", 64);
    let prototype = it.made.node("object", "Object", 24);
    let store = it.made.node("object", "Store", 24);
    let list = it.made.node("object", "Array", 32);
    it.made.edge(it.context, "context", "list", store);
    it.made.edge(store, "property", "__proto__", prototype);
    it.made.edge(prototype, "property", "constructor", class);
    it.made.edge(class, "internal", "shared", it.shared);
    it.made.edge(class, "property", "all", list);
    it.made.locations.push((class, 5, 20, 0));
    let found = holder(&it.made.graph(), list);
    let End::Function(name, place) = found.end else { panic!("{found:?}") };
    assert_eq!((name.as_str(), place.line), ("Store", 21));
    assert_eq!(found.steps.len(), 1);
}

#[test]
fn a_variable_that_is_assigned_again() {
    let mut it = module("/app/server.js");
    let cell = it.made.node("hidden", "system / ContextCell", 40);
    let list = it.made.node("object", "Array", 32);
    it.made.edge(it.context, "context", "list", cell);
    it.made.edge(cell, "internal", "tagged_value", list);
    let found = holder(&it.made.graph(), list);
    assert!(matches!(&found.end, End::Variable(name, _) if name == "list"), "{found:?}");
    assert_eq!(found.steps, []);
}
