//! Every value that can be sent comes back the same.

use model::{AgentId, DeviceId, EventKind, Fields, Observation, Timestamp, Value};
use proptest::prelude::*;
use wire::{
    EnrolReply, EnrolRequest, Received, RenewReply, RenewRequest, StreamPath, StreamReply,
    WireError, decode_observation, encode_observation, limits::PEM_BYTES_MAX,
};

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::UInt),
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |n| !n.is_nan())
            .prop_map(Value::Float),
        ".{0,20}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::vec((".{0,8}", inner), 0..5).prop_map(Value::Map),
        ]
    })
}

pub(crate) fn observation() -> impl Strategy<Value = Observation> {
    let kind = prop::sample::select(EventKind::ALL);
    let fields = prop::collection::vec(("[A-Za-z]{1,12}", value()), 0..12);
    (kind, any::<i64>(), fields).prop_map(|(kind, nanos, fields)| Observation {
        kind,
        observed_at: Timestamp::from_nanos(nanos),
        fields: fields.into_iter().collect(),
    })
}

proptest! {
    #[test]
    fn observations_round_trip(observation in observation()) {
        let bytes = encode_observation(&observation).expect("within the limits");
        prop_assert_eq!(decode_observation(&bytes).expect("decodes"), observation);
    }
}

fn with_field(value: Value) -> Observation {
    let fields = Fields::from_iter([("F", value)]);
    Observation { kind: EventKind::ProcessStart, observed_at: Timestamp::from_nanos(1), fields }
}

#[test]
fn what_exceeds_a_limit_is_not_encoded() {
    let mut deep = Value::Null;
    for _ in 0..model::limits::VALUE_DEPTH_MAX {
        deep = Value::List(vec![deep]);
    }
    let long = "x".repeat(model::limits::FIELD_TEXT_BYTES_MAX + 1);
    let wide = Value::List(vec![Value::Null; wire::limits::OBSERVATION_NODES_MAX]);
    for value in [deep, Value::Text(long), wide] {
        let refused = encode_observation(&with_field(value));
        assert!(matches!(refused, Err(WireError::TooLarge { .. })), "{refused:?}");
    }
    let many = (0..=model::limits::FIELDS_MAX).map(|n| (n.to_string(), Value::Null)).collect();
    let many = Observation { fields: many, ..with_field(Value::Null) };
    assert!(matches!(encode_observation(&many), Err(WireError::TooLarge { .. })));
}

#[test]
fn the_deepest_and_longest_allowed_values_travel() {
    let mut deep = Value::Null;
    for _ in 1..model::limits::VALUE_DEPTH_MAX {
        deep = Value::Map(vec![("k".to_owned(), deep)]);
    }
    let long = "x".repeat(model::limits::FIELD_TEXT_BYTES_MAX);
    for value in [deep, Value::Text(long)] {
        let observation = with_field(value);
        let bytes = encode_observation(&observation).expect("within the limits");
        assert_eq!(decode_observation(&bytes), Ok(observation));
    }
}

/// Protobuf: field 1 (kind) as a varint of 999.
#[test]
fn p9_a_kind_of_a_newer_version_is_told_by_its_number() {
    let err = decode_observation(&[0x08, 0xE7, 0x07]).expect_err("unknown");
    assert_eq!(err, WireError::UnknownKind { number: 999 });
    assert_eq!(err.class(), wire::ErrorClass::Poison);
}

/// A field that a newer version added is stepped over: field 15, a varint.
#[test]
fn p8_an_unknown_field_is_stepped_over() {
    let mut bytes = encode_observation(&with_field(Value::Int(1))).expect("encodes");
    bytes.extend([0x78, 0x05]);
    assert_eq!(decode_observation(&bytes), Ok(with_field(Value::Int(1))));
}

#[test]
fn replies_enrolment_and_inbox_records_round_trip() {
    let reply = StreamReply {
        durable_through: 5,
        committed_through: 3,
        expected: 6,
        credit_bytes: 1 << 20,
        retry_after_ms: 0,
    };
    assert_eq!(StreamReply::from_bytes(&reply.to_bytes()), Ok(reply));
    let request = EnrolRequest {
        token: "t".to_owned(),
        csr_pem: "c".to_owned(),
        hostname: "端末".to_owned(),
        os_name: "Debian".to_owned(),
    };
    assert_eq!(EnrolRequest::from_bytes(&request.to_bytes()), Ok(request.clone()));
    let long = EnrolRequest { token: "t".repeat(600), ..request };
    assert!(matches!(EnrolRequest::from_bytes(&long.to_bytes()), Err(WireError::TooLarge { .. })));
    let (agent, device) = (AgentId::from_bits(1), DeviceId::from_bits(u128::MAX));
    let reply =
        EnrolReply { agent, device, certificate_pem: "p".to_owned(), ca_pem: "q".to_owned() };
    assert_eq!(EnrolReply::from_bytes(&reply.to_bytes()), Ok(reply));
    let request = RenewRequest { csr_pem: "c".to_owned() };
    assert_eq!(RenewRequest::from_bytes(&request.to_bytes()), Ok(request));
    let long = RenewRequest { csr_pem: "c".repeat(PEM_BYTES_MAX + 1) };
    assert!(matches!(RenewRequest::from_bytes(&long.to_bytes()), Err(WireError::TooLarge { .. })));
    let reply = RenewReply { certificate_pem: "p".to_owned() };
    assert_eq!(RenewReply::from_bytes(&reply.to_bytes()), Ok(reply));
    let long = RenewReply { certificate_pem: "p".repeat(PEM_BYTES_MAX + 1) };
    assert!(matches!(RenewReply::from_bytes(&long.to_bytes()), Err(WireError::TooLarge { .. })));
    let received =
        Received { agent, device, received_at: Timestamp::from_nanos(-1), body: vec![0, 1, 2] };
    assert_eq!(Received::from_bytes(&received.to_bytes()), Ok(received));
}

#[test]
fn hostile_paths_are_refused() {
    let epoch = model::EpochId::from_bits(7).to_string();
    let good = StreamPath::parse_parts(&epoch, "3-9").expect("parses");
    assert_eq!((good.first, good.last), (3, 9));
    for range in ["", "-", "0-4", "9-3", "+1-2", "1-2-3", "1-99999999999999999999", "１-２", "a-b"]
    {
        assert!(StreamPath::parse_parts(&epoch, range).is_err(), "{range}");
    }
    assert!(StreamPath::parse_parts("../../etc", "1-2").is_err());
}
