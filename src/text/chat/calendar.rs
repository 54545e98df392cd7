//! Dates of a clock that the host program gives, in the format of Python's `strftime`.

/// A date and time of day.
struct Moment {
    year: i64,
    month: usize, // from 0
    day: i64,     // from 1
    day_of_year: i64,
    weekday: usize, // from Monday
    secs: i64,      // of the day
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const DAY_SECS: i64 = 86_400;

/// A time, in seconds since 1970 of the clock that is meant, by a format in Python's codes.
///
/// # Errors
/// The code that is not known.
pub(super) fn strftime(secs: i64, format: &str) -> Result<String, char> {
    let at = moment(secs);
    let mut written = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            written.push(c);
            continue;
        }
        match rest.next() {
            // `%-d` as glibc has it: without padding.
            Some('-') => {
                let code = rest.next().unwrap_or('-');
                let padded = at.field(code).ok_or(code)?;
                let number = padded.trim_start_matches('0');
                written += if number.is_empty() { "0" } else { number };
            }
            Some(code) => written += &at.field(code).ok_or(code)?,
            None => written.push('%'),
        }
    }
    Ok(written)
}

impl Moment {
    fn field(&self, code: char) -> Option<String> {
        let (hour, minute, second) = (self.secs / 3600, self.secs / 60 % 60, self.secs % 60);
        let named = |names: &[&str], i: usize| names.get(i).map(|name| (*name).to_string());
        let short = |name: Option<String>| name.map(|name| name.chars().take(3).collect());
        let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
        Some(match code {
            'Y' => self.year.to_string(),
            'y' => format!("{:02}", self.year.rem_euclid(100)),
            'm' => format!("{:02}", self.month + 1),
            'd' => format!("{:02}", self.day),
            'e' => format!("{:2}", self.day),
            'j' => format!("{:03}", self.day_of_year),
            'H' => format!("{hour:02}"),
            'I' => format!("{hour12:02}"),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            'p' => if hour < 12 { "AM" } else { "PM" }.into(),
            'B' => named(&MONTHS, self.month)?,
            'b' | 'h' => short(named(&MONTHS, self.month))?,
            'A' => named(&WEEKDAYS, self.weekday)?,
            'a' => short(named(&WEEKDAYS, self.weekday))?,
            'F' => format!("{}-{:02}-{:02}", self.year, self.month + 1, self.day),
            'T' => format!("{hour:02}:{minute:02}:{second:02}"),
            '%' => "%".into(),
            _ => return None,
        })
    }
}

/// Source: Hinnant, chrono-Compatible Low-Level Date Algorithms, `civil_from_days`.
fn moment(secs: i64) -> Moment {
    let days = secs.div_euclid(DAY_SECS);
    let shifted = days + 719_468; // since 1 March of year 0
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let from_march = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * from_march + 2) / 153;
    let day = from_march - (153 * month_from_march + 2) / 5 + 1;
    let month = ((month_from_march + 2) % 12) as usize;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month];
    Moment {
        year,
        month,
        day,
        day_of_year: before + day + i64::from(is_leap && month > 1),
        weekday: (days + 3).rem_euclid(7) as usize,
        secs: secs.rem_euclid(DAY_SECS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_python_writes_them() {
        let format = "%a %A %d %-d %b %B %Y %y %m %j %H:%M:%S %I %p 100%%";
        let cases = [
            (0, "Thu Thursday 01 1 Jan January 1970 70 01 001 00:00:00 12 AM 100%"),
            (951_825_599, "Tue Tuesday 29 29 Feb February 2000 00 02 060 11:59:59 11 AM 100%"),
            (1_735_689_599, "Tue Tuesday 31 31 Dec December 2024 24 12 366 23:59:59 11 PM 100%"),
        ];
        for (secs, wanted) in cases {
            assert_eq!(strftime(secs, format).as_deref(), Ok(wanted));
        }
        assert_eq!(strftime(0, "%Q"), Err('Q'));
    }
}
