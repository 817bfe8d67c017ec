//! What the page has to do, whatever framework serves it.

use market::Prices;
use thirtyfour::WebDriver;

use crate::page::{Page, Point};
use crate::server::Server;

/// Months in a lap, and in a whole chart of a stock that is quoted in all of them.
const LAP: usize = 123;

/// The chart has each of the last [`LAP`] months, with the close it really had.
fn assert_whole(points: &[Point], symbol: &str) {
    let prices = Prices::load().unwrap();
    let stock = prices.stock(symbol).unwrap();
    let first = points.first().unwrap().tick;
    let expected: Vec<Point> =
        (first..first + LAP).map(|tick| Point { tick, close: stock.close(prices.number(tick)).unwrap() }).collect();
    assert_eq!(points, expected, "the months in the chart of {symbol}");
}

pub(crate) async fn a_widget_shows_its_whole_chart_at_once_and_then_moves(server: Server, browser: WebDriver) {
    let page = Page::open(&browser, &server.page("alice", "AAPL")).await;
    page.wait_for("the chart", "return market.points('AAPL').length > 0").await;
    let points = page.points("AAPL").await;
    assert_whole(&points, "AAPL");

    page.wait_for_tick("AAPL", points.last().unwrap().tick + 5).await;
    assert_whole(&page.points("AAPL").await, "AAPL");
    // What is painted is what the page knows, in one look: a frame later it would be another price.
    let painted = "const point = market.points('AAPL').at(-1);\
                   return document.querySelector('.close-price').textContent === point.close.toFixed(2)\
                     && document.querySelector('.line').getAttribute('d').length > 0";
    page.wait_for("the price to be painted", painted).await;
}

pub(crate) async fn a_cut_is_resumed_and_no_month_is_missing(server: Server, browser: WebDriver) {
    let page = Page::open(&browser, &server.page("alice", "AAPL,IBM")).await;
    page.wait_for_tick("AAPL", LAP).await;
    page.wait_for_tick("IBM", LAP).await;
    let connection: String = page.get("return market.stream.connection").await;

    page.click("#cut").await;
    page.wait_for("the cut", "return market.stream.state === 'reconnecting'").await;
    assert_eq!(page.text("#status").await, "Reconnecting…");
    let before = page.last_tick("AAPL").await;
    page.wait_for("the stream to be resumed", "return market.stream.state === 'resumed'").await;

    let missed: usize = page.get("return market.stream.missed").await;
    assert!(missed > 0, "the stream was away for seconds, and prices move ten times a second");
    assert_eq!(page.text("#status").await, format!("Resumed with {missed} missed events"));
    assert_ne!(page.get::<String>("return market.stream.connection").await, connection);

    page.wait_for_tick("AAPL", before + 30).await;
    for symbol in ["AAPL", "IBM"] {
        assert_whole(&page.points(symbol).await, symbol);
    }
    // Not by asking for the charts once more: the replay alone had every month.
    assert_eq!(page.get::<usize>("return market.snapshots").await, 2, "charts that were asked for");
}

pub(crate) async fn a_widget_is_added_to_and_removed_from_the_open_stream(server: Server, browser: WebDriver) {
    let page = Page::open(&browser, &server.page("alice", "AAPL")).await;
    let connection: String = page.get("return market.stream.connection").await;
    page.wait_for_tick("AAPL", LAP).await;

    page.click("[data-pick=IBM]").await;
    page.wait_for("the chart of IBM", "return market.points('IBM').length > 0").await;
    let points = page.points("IBM").await;
    assert_whole(&points, "IBM");
    page.wait_for_tick("IBM", points.last().unwrap().tick).await;
    let watched =
        |symbol, n| format!("return document.querySelector('[data-pick={symbol}]').dataset.watchers === '{n}'");
    page.wait_for("one tab to watch IBM", &watched("IBM", 1)).await;

    page.click("[data-symbol=AAPL] .close").await;
    page.wait_for("no tab to watch AAPL", &watched("AAPL", 0)).await;
    let widgets: Vec<String> =
        page.get("return [...document.querySelectorAll('.widget')].map((widget) => widget.dataset.symbol)").await;
    assert_eq!(widgets, ["IBM"]);
    // Whoever is in no group gets no price: the page counts those it has no widget for.
    let strays: usize = page.get("return market.strays").await;
    page.wait_for_tick("IBM", page.last_tick("IBM").await + 5).await;
    assert_eq!(page.get::<usize>("return market.strays").await, strays, "prices of AAPL after it was left");

    assert_eq!(page.get::<String>("return market.stream.connection").await, connection, "one stream for all of it");
}

pub(crate) async fn an_order_is_answered_in_every_tab_of_its_user_and_in_no_other(server: Server, browser: WebDriver) {
    let first = Page::open(&browser, &server.page("alice", "AAPL")).await;
    let second = Page::open(&browser, &server.page("alice", "")).await;
    let bobs = Page::open(&browser, &server.page("bob", "AAPL")).await;
    let three = "return document.querySelector('#tabs').textContent === '3'";
    first.wait_for("three tabs to be counted", three).await;
    assert_eq!(first.text("#users").await, "2");

    // No close is as low as one, and every close is as high.
    first.order("buy", "AAPL", "1").await;
    first.order("sell", "AAPL", "1").await;
    for tab in [&first, &second] {
        tab.wait_for_order("Buy AAPL at 1.00", "open").await;
        tab.wait_for_order("Sell AAPL at 1.00", "filled").await;
    }

    // Had bob been told of alice's orders, he would have been before he is told of his own.
    bobs.order("sell", "AAPL", "2").await;
    bobs.wait_for_order("Sell AAPL at 2.00", "filled").await;
    assert_eq!(bobs.orders().await, [("Sell AAPL at 2.00".to_owned(), "filled".to_owned())]);

    // A tab that alice opens later has what is open, and nothing that is settled.
    let third = Page::open(&browser, &server.page("alice", "")).await;
    assert_eq!(third.orders().await, [("Buy AAPL at 1.00".to_owned(), "open".to_owned())]);
}

pub(crate) async fn a_restart_of_the_server_is_told_as_a_gap_and_the_charts_are_whole_again(
    server: Server,
    browser: WebDriver,
) {
    let page = Page::open(&browser, &server.page("alice", "AAPL")).await;
    page.wait_for_tick("AAPL", LAP + 5).await;

    let _server = server.restart().await;
    page.wait_for("the gap to be told", "return market.stream.state === 'gap'").await;
    assert!(page.text("#journal").await.contains("Gap (unknown-log)"));
    page.wait_for("a chart of the new server", "return market.points('AAPL').length > 0").await;
    page.wait_for_tick("AAPL", page.last_tick("AAPL").await + 3).await;
    assert_whole(&page.points("AAPL").await, "AAPL");
}
