//! Instants as Capsule spells them (API reference 2.4): seconds, UTC. The guest has no clock: what is now comes from the `Date` header.

/// Seconds since 1970 in UTC.
pub(crate) type Seconds = i64;

/// 0001-01-01 and the end of 9999: what can be written.
const RANGE: std::ops::RangeInclusive<Seconds> = -62_135_596_800..=253_402_300_799;

/// The instant of an RFC 3339 text; fractions are cut off.
pub(crate) fn instant(text: &str) -> Option<Seconds> {
    let (day, clock) = text.split_once(['T', 't'])?;
    let end = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at(end);
    let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
    let offset = if zone.eq_ignore_ascii_case("z") {
        0
    } else {
        let (hours, minutes) = zone.get(1..)?.split_once(':')?;
        let offset = number(hours, 2)? * 3600 + number(minutes, 2)? * 60;
        if zone.starts_with('-') {
            -offset
        } else {
            offset
        }
    };
    let seconds = date(day)? + time_of_day(clock)? - offset;
    RANGE.contains(&seconds).then_some(seconds)
}

/// Midnight in UTC at the beginning of a day `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<Seconds> {
    if !crate::contract::is_date(text) {
        return None;
    }
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4)?;
    let month = number(parts.next()?, 2)?;
    let day = number(parts.next()?, 2)?;
    Some(days(year, month, day) * 86_400)
}

/// Seconds since midnight of `HH:MM` or `HH:MM:SS`.
pub(crate) fn time_of_day(text: &str) -> Option<Seconds> {
    let mut parts = text.split(':');
    let hours = number(parts.next()?, 2).filter(|hours| *hours < 24)?;
    let minutes = number(parts.next()?, 2).filter(|minutes| *minutes < 60)?;
    let seconds = match parts.next() {
        Some(seconds) => number(seconds, 2).filter(|seconds| *seconds < 60)?,
        None => 0,
    };
    parts
        .next()
        .is_none()
        .then_some(hours * 3600 + minutes * 60 + seconds)
}

/// The instant of an HTTP date, `Tue, 03 Feb 2026 09:15:00 GMT` (RFC 9110, 5.6.7). The older forms are not sent any more.
pub(crate) fn http_date(text: &str) -> Option<Seconds> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let rest = text.split_once(", ")?.1.strip_suffix(" GMT")?;
    let mut parts = rest.split(' ');
    let day = number(parts.next()?, 2)?;
    let month = parts.next().filter(|month| month.len() == 3)?;
    let place = i64::try_from(MONTHS.find(month)?).ok()?;
    let year = number(parts.next()?, 4)?;
    let clock = time_of_day(parts.next()?)?;
    let date = format!("{year:04}-{:02}-{day:02}", place / 3 + 1);
    (place % 3 == 0 && parts.next().is_none())
        .then(|| self::date(&date))
        .flatten()
        .map(|midnight| midnight + clock)
}

/// An instant as Capsule spells it.
pub(crate) fn written(at: Seconds) -> String {
    let at = at.clamp(*RANGE.start(), *RANGE.end());
    let (day, clock) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    let (year, month, day) = civil(day);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        clock / 3600,
        clock / 60 % 60,
        clock % 60
    )
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Days since 1970 of a day of the Gregorian calendar: years that begin in March, in eras of 400.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The way back.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * of_era + of_era / 4 - of_era / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_instant_comes_back(at in RANGE) {
            prop_assert_eq!(instant(&written(at)), Some(at));
        }

        #[test]
        fn any_text_is_an_instant_or_none(text: String) {
            let _ = (instant(&text), date(&text), time_of_day(&text), http_date(&text));
        }

        #[test]
        fn any_text_like_an_instant_is_one_or_none(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,9}[Z+-][0-9:]{0,5}") {
            let _ = instant(&text);
        }
    }

    #[test]
    fn instants_are_read_in_every_zone() {
        for (text, at) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-02-03T09:15:00Z", Some(1_770_110_100)),
            ("2026-02-03T09:15:00.75Z", Some(1_770_110_100)),
            ("2026-02-03T10:15:00+01:00", Some(1_770_110_100)),
            ("2026-02-03T04:15:00-05:00", Some(1_770_110_100)),
            ("2026-02-30T09:15:00Z", None),
            ("2026-02-03T24:15:00Z", None),
            ("2026-02-03T09:15:00", None),
            ("2026-02-03", None),
            ("0000-01-01T00:00:00+23:00", None),
        ] {
            assert_eq!(instant(text), at, "{text}");
        }
    }

    #[test]
    fn the_clock_of_an_answer_is_read() {
        assert_eq!(
            http_date("Tue, 03 Feb 2026 09:15:00 GMT"),
            Some(1_770_110_100)
        );
        for text in [
            "",
            "Tue, 03 anF 2026 09:15:00 GMT",
            "Tue, 31 Feb 2026 09:15:00 GMT",
            "Tue, 03 Feb 2026 09:15:00 CET",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }
}
