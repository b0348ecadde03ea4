//! Hash functions: digests of RustCrypto, and the fingerprint of FarmHash. All hash bytes; a STRING is
//! hashed as its UTF-8.

mod farm;

use sha2::Digest;

use super::arguments::{octets, strict};
use crate::error::Result;
use crate::functions::ScalarFunction;
use crate::value::Value;

const DIGEST: &[&str] = &["(STRING) -> BYTES", "(BYTES) -> BYTES"];

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("FARM_FINGERPRINT", &["(STRING) -> INT64", "(BYTES) -> INT64"], |_, args| {
        Ok(Value::Int64(farm::fingerprint(octets(args, 0)).cast_signed()))
    }),
    strict("MD5", DIGEST, |_, args| digest::<md5::Md5>(args)),
    strict("SHA1", DIGEST, |_, args| digest::<sha1::Sha1>(args)),
    strict("SHA256", DIGEST, |_, args| digest::<sha2::Sha256>(args)),
    strict("SHA512", DIGEST, |_, args| digest::<sha2::Sha512>(args)),
];

fn digest<D: Digest>(args: &[Value]) -> Result<Value> {
    Ok(Value::bytes(D::digest(octets(args, 0))))
}

#[cfg(test)]
mod tests {
    use super::super::arguments::testing::{call, outcome};
    use super::super::encoding::to_hex;
    use super::*;

    #[test]
    fn digests() {
        let check = |name: &str, expected: &str| {
            let value = call(FUNCTIONS, name, &[Value::from("hello")]).expect("it hashes");
            let hex = to_hex(value.as_bytes().expect("bytes"));
            assert!(hex.starts_with(expected), "{name}: {hex}");
        };
        check("MD5", "5d41402abc4b2a76b9719d911017c592");
        check("SHA1", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
        check("SHA256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        check("SHA512", "9b71d224bd62f3785d96d46ad3ea3d73");
    }

    #[test]
    fn fingerprints_of_every_length() {
        let check = |whole: &str, expected: i64| {
            let found = outcome(FUNCTIONS, "FARM_FINGERPRINT", &[Value::from(whole)]);
            assert_eq!(found, expected.to_string(), "{} bytes", whole.len());
        };
        let letters = |count: u32| -> String {
            (0..count).map(|index| char::from_u32(32 + index % 90).expect("ASCII")).collect()
        };
        check("", -7_286_425_919_675_154_353);
        check("a", -5_528_939_962_900_187_677);
        check("hello", -5_436_999_610_281_751_320);
        check("seed-42", -1_445_242_963_413_924_359);
        check("abcdefgh", -78_300_442_537_744_119);
        check("0123456789abcdef", 6_105_018_409_752_412_263);
        check("0123456789abcdefg", -6_422_696_535_518_490_038);
        check(&"x".repeat(32), -5_545_167_349_709_743_099);
        check("The quick brown fox jumps over the lazy dog", -6_071_270_166_956_912_332);
        check(&"y".repeat(64), 4_471_793_200_125_962_424);
        check(&"z".repeat(65), 8_299_915_583_762_718_517);
        check(&letters(128), -6_572_809_014_604_712_994);
        check(&letters(200), 8_166_378_936_104_318_445);
        check(&letters(1000), 6_935_234_086_895_426_573);
    }
}
