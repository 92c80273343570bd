//! Cron expressions: croner reads them, the calendar is jiff's.
//!
//! Times are the wall clock's of a zone. A time that a change of clocks leaves out happens right after the change; one
//! that comes twice happens once, the first time. Seconds and years are not part of the expression.

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

#[derive(Debug, Clone)]
pub struct Cron {
    text: String,
    inner: croner::Cron,
}

#[derive(Debug, thiserror::Error)]
pub enum CronError {
    #[error("{text:?} is not a cron expression of five fields: minute, hour, day, month, weekday")]
    Invalid {
        text: String,
        #[source]
        source: croner::errors::CronError,
    },
    #[error("{text:?} never comes")]
    Never { text: String },
}

/// An expression that does not come for so long never comes: 29 February may be eight years away.
const MAX_DAYS: u32 = 366 * 9;

impl Cron {
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let inner = parser.parse(text.trim()).map_err(|source| CronError::Invalid { text: text.to_owned(), source })?;
        let cron = Self { text: text.to_owned(), inner };
        match cron.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never { text: text.to_owned() }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first tick after a moment.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // A day earlier, because a change of clocks can move a tick over midnight.
        let mut date = after.to_zoned(zone.clone()).date().checked_sub(1.day()).ok()?;
        for _ in 0..MAX_DAYS {
            if self.matches_day(date)
                && let Some(tick) = self.first_of_day(date, after, zone)
            {
                return Some(tick);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn matches_day(&self, date: Date) -> bool {
        let (year, month, day) = (date.year(), date.month().unsigned_abs(), date.day().unsigned_abs());
        let pattern = &self.inner.pattern;
        pattern.month_match(u32::from(month)).unwrap_or(false)
            && pattern.day_match(i32::from(year), u32::from(month), u32::from(day)).unwrap_or(false)
    }

    fn first_of_day(&self, date: Date, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let pattern = &self.inner.pattern;
        for hour in (0..24i8).filter(|hour| pattern.hour_match(u32::from(hour.unsigned_abs())).unwrap_or(false)) {
            for minute in
                (0..60i8).filter(|minute| pattern.minute_match(u32::from(minute.unsigned_abs())).unwrap_or(false))
            {
                let time = Time::new(hour, minute, 0, 0).ok()?;
                let tick = date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp();
                if tick > after {
                    return Some(tick);
                }
            }
        }
        None
    }
}
