//! Connections on the loopback.

use crate::workbench::{Pins, assert_sums, is_root, observe_until, options, start};
use model::{EventKind, Value};
use sensor::Sensed;
use std::net::{TcpListener, TcpStream};

fn to_port(seen: &[Sensed], kind: EventKind, port: u16) -> Vec<&Sensed> {
    seen.iter()
        .filter(|sensed| {
            sensed.observation.kind == kind
                && sensed.observation.fields.int("DestinationPort") == Some(i64::from(port))
        })
        .collect()
}

#[test]
fn connections_are_seen_from_both_ends_with_both_addresses() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("network");
    let mut sensor = start(options(&pins, &[]));
    let addresses: Vec<&str> = ["127.0.0.1", "::1"]
        .into_iter()
        .filter(|address| TcpListener::bind((*address, 0)).is_ok())
        .collect();
    for address in addresses {
        let listener = TcpListener::bind((address, 0)).expect("listens");
        let port = listener.local_addr().expect("bound").port();
        let stream = TcpStream::connect((address, port)).expect("connects");
        let (_accepted, _) = listener.accept().expect("accepts");
        let own_port = stream.local_addr().expect("bound").port();
        let mut seen = Vec::new();
        observe_until(&mut sensor, &mut seen, |seen| {
            !to_port(seen, EventKind::NetworkAccept, port).is_empty()
        });
        for (kind, initiated) in
            [(EventKind::NetworkConnect, true), (EventKind::NetworkAccept, false)]
        {
            let found = to_port(&seen, kind, port);
            assert_eq!(found.len(), 1, "{found:?}");
            let fields = &found[0].observation.fields;
            assert_eq!(fields.get("Initiated"), Some(&Value::Bool(initiated)));
            assert_eq!(fields.text("Protocol"), Some("tcp"));
            assert_eq!(fields.text("SourceIp"), Some(address));
            assert_eq!(fields.int("SourcePort"), Some(i64::from(own_port)));
            assert_eq!(fields.text("DestinationIp"), Some(address));
            assert_eq!(fields.get("DestinationIsIpv6"), Some(&Value::Bool(address == "::1")));
            assert_eq!(fields.int("Result"), Some(0));
            assert_eq!(fields.int("ProcessId"), Some(i64::from(std::process::id())));
            let own = std::env::current_exe().expect("known");
            assert_eq!(fields.text("Image"), own.to_str());
        }
    }
    assert_sums(&mut sensor);
    sensor.stop();
}

#[test]
fn a_refused_connection_still_says_where_it_wanted_to_go() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("refused");
    let mut sensor = start(options(&pins, &[]));
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    let mut seen = Vec::new();
    observe_until(&mut sensor, &mut seen, |seen| {
        !to_port(seen, EventKind::NetworkConnect, port).is_empty()
    });
    let fields = &to_port(&seen, EventKind::NetworkConnect, port)[0].observation.fields;
    assert_eq!(fields.int("Result"), Some(-111));
    assert_eq!(fields.text("DestinationIp"), Some("127.0.0.1"));
    sensor.stop();
}
