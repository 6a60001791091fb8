//! Whole numbers that are written with a fraction or an exponent, as `1e3` and `5.0` are.

use serde_json::Number;

/// The integer of 64 bits that a number with a fraction or an exponent is; `None` where it is none, or one already.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float without a fraction and within the range of an integer is that integer"
)]
pub(crate) fn whole_number(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    if float.fract() != 0.0 {
        return None;
    }
    // From -2^63 up to, but without, 2^63; then on to 2^64.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float) {
        Some((float as i64).into())
    } else if (0.0..18_446_744_073_709_551_616.0).contains(&float) {
        Some((float as u64).into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_range_is_that_of_64_bits() {
        let text = |float: f64| Some(whole_number(&Number::from_f64(float)?)?.to_string());
        assert_eq!(
            text(-9_223_372_036_854_775_808.0).unwrap(),
            i64::MIN.to_string()
        );
        assert_eq!(
            text(9_223_372_036_854_775_808.0).unwrap(),
            "9223372036854775808"
        );
        assert_eq!(
            text(18_446_744_073_709_549_568.0).unwrap(),
            "18446744073709549568"
        );
        assert_eq!(text(18_446_744_073_709_551_616.0), None);
        assert_eq!(text(-9_223_372_036_854_777_856.0), None);
        assert_eq!(text(1e23), None);
        assert_eq!(text(0.5), None);
    }

    /// The nearest float.
    fn float(whole: &impl ToString) -> f64 {
        whole.to_string().parse().unwrap()
    }

    proptest! {
        #[test]
        fn an_integer_is_the_number_it_was(float in prop_oneof![
            any::<i64>().prop_map(|whole| float(&whole)),
            any::<u64>().prop_map(|whole| float(&whole)),
            any::<f64>().prop_filter("JSON has no others", |float| float.is_finite()),
            (-1e6..1e6_f64).prop_map(f64::trunc),
        ]) {
            // Adding zero takes the sign of a zero away.
            let text = format!("{:.0}", float + 0.0);
            let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
            let expected = (float.fract() == 0.0 && fits).then_some(text);
            let made = whole_number(&Number::from_f64(float).unwrap());
            prop_assert_eq!(made.as_ref().map(Number::to_string), expected);
            prop_assert_eq!(made.as_ref().and_then(whole_number), None, "an integer stays what it is");
        }
    }
}
