//! What the agent reads in a certificate: until when it is valid, whose it is and for which key. Pure.

use model::Timestamp;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

const SECOND_NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * SECOND_NS;

/// From when until when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The first moment.
    pub begins: Timestamp,
    /// The moment from which it is refused.
    pub ends: Timestamp,
}

impl Life {
    /// From when on it is renewed: when a third of its life is left.
    #[must_use]
    pub const fn renewed_from(self) -> Timestamp {
        self.ends.plus_nanos(-self.share_ns(3))
    }

    /// Whether it is time to renew. Also after the end: a clock that is fast must not keep the agent from
    /// asking, and the server judges by its own clock.
    #[must_use]
    pub fn is_due(self, now: Timestamp) -> bool {
        now >= self.renewed_from()
    }

    /// Whether the end is so near that a person should look: half of the time to renew went by in vain.
    #[must_use]
    pub fn is_ending(self, now: Timestamp) -> bool {
        now >= self.ends.plus_nanos(-self.share_ns(6))
    }

    /// Whole days until the end; negative after it.
    #[must_use]
    pub const fn days_left(self, now: Timestamp) -> i64 {
        self.ends.nanos().saturating_sub(now.nanos()).div_euclid(DAY_NS)
    }

    const fn share_ns(self, parts: i64) -> i64 {
        self.ends.nanos().saturating_sub(self.begins.nanos()) / parts
    }
}

/// A certificate, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// When it is valid.
    pub life: Life,
    /// Whose it is: the agent's id, as the authority wrote it; empty when it names nobody.
    pub common_name: String,
    public_key: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a text in PEM.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(pem: &str) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|err| format!("it holds no certificate in PEM: {err}"))?;
        let (_, read) = X509Certificate::from_der(&der)
            .map_err(|err| format!("its certificate can not be read: {err}"))?;
        let time = |seconds: i64| Timestamp::from_nanos(seconds.saturating_mul(SECOND_NS));
        let validity = read.validity();
        let common_name = read.subject().iter_common_name().find_map(|name| name.as_str().ok());
        Ok(Self {
            life: Life {
                begins: time(validity.not_before.timestamp()),
                ends: time(validity.not_after.timestamp()),
            },
            common_name: common_name.unwrap_or_default().to_owned(),
            public_key: read.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// Whether it is for this private key (in PEM).
    #[must_use]
    pub fn is_for(&self, key_pem: &str) -> bool {
        rcgen::KeyPair::from_pem(key_pem).is_ok_and(|key| key.public_key_raw() == self.public_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINETY: Life =
        Life { begins: Timestamp::from_nanos(0), ends: Timestamp::from_nanos(90 * DAY_NS) };

    fn day(day: i64) -> Timestamp {
        Timestamp::from_nanos(day * DAY_NS)
    }

    #[test]
    fn it_is_renewed_when_a_third_of_its_life_is_left() {
        assert_eq!(NINETY.renewed_from(), day(60));
        // A clock that is slow, the whole life, a clock that is fast.
        let due = |at: i64| NINETY.is_due(day(at));
        assert_eq!(
            [-400, 0, 59, 60, 89, 90, 400].map(due),
            [false, false, false, true, true, true, true]
        );
        assert!(!NINETY.is_due(day(60).plus_nanos(-1)));
        // A life of nothing, and one that ends before it begins, are due when they end.
        let none = Life { begins: day(5), ends: day(5) };
        assert!(!none.is_due(day(4)) && none.is_due(day(5)));
        let turned = Life { begins: day(50), ends: day(5) };
        assert!(turned.is_due(day(50)));
        // The longest that a certificate can say is no overflow.
        let endless =
            Life { begins: Timestamp::from_nanos(i64::MIN), ends: Timestamp::from_nanos(i64::MAX) };
        assert!(!endless.is_due(day(0)));
    }

    #[test]
    fn a_person_is_asked_when_half_of_the_time_to_renew_went_by() {
        let ending = |at: i64| NINETY.is_ending(day(at));
        assert_eq!([59, 60, 74, 75, 90, 400].map(ending), [false, false, false, true, true, true]);
        assert_eq!([0, 89, 90, 91].map(|at| NINETY.days_left(day(at))), [90, 1, 0, -1]);
    }

    #[test]
    fn a_certificate_knows_its_key_and_no_other() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::default();
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let certificate = Certificate::parse(&pem).expect("read");
        assert!(certificate.is_for(&key.serialize_pem()));
        let other = rcgen::KeyPair::generate().expect("a key");
        for wrong in ["", "garbage", &pem, &other.serialize_pem()] {
            assert!(!certificate.is_for(wrong), "{wrong}");
        }
        for wrong in ["", "garbage", &key.serialize_pem()] {
            Certificate::parse(wrong).expect_err("no certificate");
        }
    }
}
