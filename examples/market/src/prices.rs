//! The prices that are replayed: the monthly closes of five stocks, January 2000 to March 2010.
//!
//! Real ones, with what real ones are like: Google is quoted only from August 2004 on. Where they come from stands
//! in `data/README.md`. A month is counted from the first of the file, a stock's closes from its own first month.

use std::fmt;

use serde::{Serialize, Serializer};

const FILE: &str = include_str!("../data/stocks.csv");

const MONTH_NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The names of the companies, which the file doesn't have.
const COMPANIES: [(&str, &str); 5] =
    [("AAPL", "Apple"), ("AMZN", "Amazon"), ("GOOG", "Google"), ("IBM", "IBM"), ("MSFT", "Microsoft")];

/// All closes of all stocks.
#[derive(Debug)]
pub struct Prices {
    start: Month,
    months: usize,
    stocks: Vec<Stock>,
}

impl Prices {
    /// Reads the file that comes with the program.
    ///
    /// # Errors
    ///
    /// The first line that is not `SYMBOL,MONTH DAY YEAR,CLOSE`, or that leaves out a month.
    pub fn load() -> Result<Self, PricesError> {
        Self::parse(FILE)
    }

    fn parse(file: &'static str) -> Result<Self, PricesError> {
        let mut quoted: Vec<(Month, Stock)> = Vec::new();
        for (index, line) in file.lines().enumerate().skip(1) {
            let wrong = |what| PricesError { line: index + 1, what };
            let (symbol, month, close) = parse_line(line).ok_or(wrong("is not `SYMBOL,MONTH DAY YEAR,CLOSE`"))?;
            match quoted.iter_mut().find(|(_, stock)| stock.symbol == symbol) {
                Some((first, stock)) if first.after(stock.closes.len()) == month => stock.closes.push(close),
                Some(_) => return Err(wrong("is not of the month after the last one of its symbol")),
                None => quoted.push((month, Stock::new(symbol, close))),
            }
        }
        let empty = PricesError { line: 1, what: "is all there is" };
        let start = quoted.iter().map(|(first, _)| *first).min().ok_or(empty)?;
        for (first, stock) in &mut quoted {
            stock.first = first.since(start);
        }
        let mut stocks: Vec<Stock> = quoted.into_iter().map(|(_, stock)| stock).collect();
        stocks.sort_by_key(|stock| stock.symbol);
        let months = stocks.iter().map(|stock| stock.first + stock.closes.len()).max();
        Ok(Self { start, months: months.unwrap_or(0), stocks })
    }

    /// How many months the file has; at least one.
    pub fn months(&self) -> usize {
        self.months
    }

    /// The number of the month that is replayed at a tick: after the last month comes the first.
    pub fn number(&self, tick: usize) -> usize {
        tick % self.months
    }

    /// The calendar month of a month's number.
    pub fn month(&self, number: usize) -> Month {
        self.start.after(number)
    }

    /// The stocks, in the order of their symbols.
    pub fn stocks(&self) -> &[Stock] {
        &self.stocks
    }

    /// The stock of a symbol.
    pub fn stock(&self, symbol: &str) -> Option<&Stock> {
        self.stocks.iter().find(|stock| stock.symbol == symbol)
    }
}

fn parse_line(line: &'static str) -> Option<(&'static str, Month, f64)> {
    let (symbol, rest) = line.split_once(',')?;
    let (date, close) = rest.split_once(',')?;
    let (month, day_and_year) = date.split_once(' ')?;
    let (_day, year) = day_and_year.split_once(' ')?;
    let month = MONTH_NAMES.iter().position(|name| *name == month)?;
    let month = Month(year.parse::<usize>().ok()?.checked_mul(12)? + month);
    let close: f64 = close.parse().ok()?;
    (close.is_finite() && close > 0.0).then_some((symbol, month, close))
}

/// One stock and its closes.
#[derive(Debug, Serialize)]
pub struct Stock {
    /// Its ticker symbol, such as `AAPL`.
    pub symbol: &'static str,
    /// The company's name.
    pub company: &'static str,
    /// The number of the first month in which it is quoted.
    pub first: usize,
    #[serde(skip)]
    closes: Vec<f64>,
}

impl Stock {
    fn new(symbol: &'static str, close: f64) -> Self {
        let company = COMPANIES.iter().find(|(of, _)| *of == symbol);
        let company = company.map_or(symbol, |(_, name)| name);
        Self { symbol, company, first: 0, closes: vec![close] }
    }

    /// The close of a month; none while the stock isn't quoted.
    pub fn close(&self, month: usize) -> Option<f64> {
        self.closes.get(month.checked_sub(self.first)?).copied()
    }
}

/// A calendar month, shown as `2004-08`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(usize);

impl Month {
    fn after(self, months: usize) -> Self {
        Self(self.0 + months)
    }

    fn since(self, earlier: Self) -> usize {
        self.0 - earlier.0
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why the file of prices cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the prices {what}")]
pub struct PricesError {
    line: usize,
    what: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_every_month_of_every_stock() {
        let prices = Prices::load().unwrap();
        assert_eq!(prices.months(), 123);
        assert_eq!(prices.month(0).to_string(), "2000-01");
        assert_eq!(prices.month(122).to_string(), "2010-03");
        let quoted: Vec<_> = prices.stocks().iter().map(|s| (s.symbol, s.first, s.closes.len())).collect();
        let all = |symbol| (symbol, 0, 123);
        assert_eq!(quoted, [all("AAPL"), all("AMZN"), ("GOOG", 55, 68), all("IBM"), all("MSFT")]);
    }

    #[test]
    fn a_stock_has_no_close_before_its_first_month_or_after_its_last() {
        let prices = Prices::load().unwrap();
        let google = prices.stock("GOOG").unwrap();
        assert_eq!(prices.month(google.first).to_string(), "2004-08");
        assert_eq!(google.close(54), None);
        assert_eq!(google.close(55), Some(102.37));
        assert_eq!(google.close(122), Some(560.19));
        assert_eq!(google.close(123), None);
        assert!(prices.stock("goog").is_none());
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_with_the_line_that_is() {
        let refusal = |file| Prices::parse(file).unwrap_err().to_string();
        let head = "symbol,date,price\n";
        assert_eq!(refusal(head), "line 1 of the prices is all there is");
        assert_eq!(
            refusal("symbol,date,price\nA,Jan 1 2000,1\nA,Mar 1 2000,1\n"),
            "line 3 of the prices is not of the month after the last one of its symbol"
        );
        for line in ["A", "A,Jan 1 2000", "A,1 Jan 2000,1", "A,Jan 1 2000,NaN", "A,Jan 1 2000,0", ""] {
            let file = format!("{head}{line}\n").leak();
            assert_eq!(refusal(file), "line 2 of the prices is not `SYMBOL,MONTH DAY YEAR,CLOSE`");
        }
    }
}
