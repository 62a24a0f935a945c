//! Placing, changing, cancelling; what the venue makes of it.

use super::*;

#[test]
fn an_order_goes_through_the_brokers_statuses_in_their_order() {
    let mut desk = Desk::new();
    let resting = desk.place("tag=abc1");
    let entered = ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN"];
    assert_eq!(desk.statuses(&resting), entered);
    assert_eq!(desk.postbacks(), Vec::<Value>::new(), "plain acceptance sends nothing");
    let order = desk.order(&resting);
    assert_eq!((order["order_id"].as_str().unwrap().len(), &order["tag"]), (19, &Value::from("abc1")));
    assert_eq!((&order["price"], &order["pending_quantity"]), (&Value::from(999), &Value::from(10)));

    let (status, answer) = desk.ask(
        "PUT",
        &format!("/orders/regular/{resting}"),
        "order_type=LIMIT&quantity=20&price=998.5&validity=DAY",
    );
    assert_eq!(status, 200, "{answer}");
    let changed = ["MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED", "OPEN"];
    assert_eq!(desk.statuses(&resting)[4..], changed);
    assert_eq!(desk.postbacks()[0]["status"], "UPDATE");

    assert_eq!(desk.ask("DELETE", &format!("/orders/regular/{resting}"), "").0, 200);
    assert_eq!(desk.statuses(&resting)[8..], ["CANCEL PENDING", "CANCELLED"]);
    let posted = desk.postbacks();
    assert_eq!((posted.len(), &posted[0]["status"]), (1, &Value::from("CANCELLED")));
    let stamp = posted[0]["order_timestamp"].as_str().unwrap();
    assert_eq!(posted[0]["checksum"], sha256_hex(&[&resting, stamp, "demo"]));
    let order = desk.order(&resting);
    assert_eq!((&order["cancelled_quantity"], &order["modified"]), (&Value::from(20), &Value::from(true)));

    let bought = desk.place("price=1001");
    assert_eq!(desk.statuses(&bought), [&entered[..], &["COMPLETE"]].concat());
    assert_eq!(desk.order(&bought)["average_price"], 1000.05, "a tick of slippage, as on paper");
    let (status, answer) = desk.ask("DELETE", &format!("/orders/regular/{bought}"), "");
    assert_eq!((status, &answer["error_type"]), (400, &Value::from("OrderException")));
}

#[test]
fn what_is_wrong_never_becomes_an_order() {
    let mut desk = Desk::new();
    let cases = [
        ("quantity=0", "Invalid `quantity`."),
        ("quantity=1.5", "Invalid `quantity`."),
        ("price=999.01", "Tick size for this script is 0.05."),
        ("price=0", "Missing or empty field `price`"),
        ("tradingsymbol=XYZ", "expired or does not exist"),
        ("transaction_type=HOLD", "Invalid `transaction_type`"),
        ("order_type=STOP", "Invalid `order_type`"),
        ("order_type=MARKET", "without market protection"),
        ("order_type=MARKET&market_protection=0", "without market protection"),
        ("order_type=MARKET&market_protection=101", "Invalid `market_protection`"),
        ("order_type=SL-M&trigger_price=1001", "without market protection"),
        ("order_type=SL&price=1002", "Missing or empty field `trigger_price`"),
        ("product=NRML", "Invalid `product`"),
        ("validity=TTL", "Invalid `validity`"),
        ("tag=with%20space", "Invalid `tag`"),
        ("tag=123456789012345678901", "Invalid `tag`"),
        ("disclosed_quantity=11", "Invalid `disclosed_quantity`"),
        ("tradingsymbol=NIFTY%2050", "not tradable"),
        (
            "exchange=NFO&tradingsymbol=NIFTY26AUGFUT&product=MIS&quantity=10&price=25000",
            "multiple of the lot size 75",
        ),
        ("price=1e3", "Invalid `price`"),
        ("price=99999999999999", "Invalid `price`"),
    ];
    for (fields, message) in cases {
        let (status, answer) = desk.ask("POST", "/orders/regular", &form(fields));
        assert_eq!((status, &answer["error_type"]), (400, &Value::from("InputException")), "{fields}");
        assert!(answer["message"].as_str().unwrap().contains(message), "{fields}: {answer}");
    }
    assert_eq!(desk.ask("POST", "/orders/amo", &form("")).0, 400);
    assert_eq!(desk.ask("POST", "/orders/regular", "").0, 400);
    assert_eq!(desk.get("/orders", ""), Value::Array(Vec::new()));
}

#[test]
fn risk_management_and_the_exchange_reject_after_the_answer() {
    let mut desk = Desk::new();
    let future = "exchange=NFO&tradingsymbol=NIFTY26AUGFUT&product=NRML&price=25000";
    for (fields, message) in [
        (format!("{future}&quantity=1875"), "above the freeze quantity 1800"),
        (format!("{future}&quantity=1800"), "Insufficient funds. Required margin is 6750000.00"),
        ("product=CNC&transaction_type=SELL".to_owned(), "Insufficient stock holding"),
        ("order_type=SL&trigger_price=1002&price=1001".to_owned(), "does not take these prices"),
        ("disclosed_quantity=0&quantity=100&disclosed_quantity=5".to_owned(), ""),
    ] {
        if message.is_empty() {
            continue;
        }
        let id = desk.place(&fields);
        let order = desk.order(&id);
        assert_eq!(order["status"], "REJECTED", "{fields}");
        assert!(order["status_message"].as_str().unwrap().contains(message), "{order}");
        assert_eq!(desk.postbacks()[0]["status"], "REJECTED");
    }
    desk.pass_to("15:30:00");
    let late = desk.place("");
    assert!(desk.order(&late)["status_message"].as_str().unwrap().contains("closed"));
}

#[test]
fn autoslice_splits_above_the_freeze_quantity() {
    let mut desk = Desk::with(Config { check_funds: false, ..Config::default() });
    let fields = "exchange=NFO&tradingsymbol=NIFTY26AUGFUT&product=NRML&price=24000&quantity=4500&autoslice=true&tag=big";
    let (_, answer) = desk.ask("POST", "/orders/regular", &form(fields));
    let parent = answer["data"]["order_id"].as_str().unwrap().to_owned();
    assert_eq!(answer["data"]["children"].as_array().unwrap().len(), 2);
    let all = desk.get("/orders", "");
    let quantities: Vec<i64> =
        all.as_array().unwrap().iter().map(|o| o["quantity"].as_i64().unwrap()).collect();
    assert_eq!(quantities, [1_800, 1_800, 900]);
    for order in all.as_array().unwrap() {
        assert_eq!(order["tags"], Value::from(vec!["big", "autoslice", &format!("autoslice:{parent}")]));
    }
    let (status, _) = desk.ask("POST", "/orders/regular", &form(&fields.replace("4500", "18075")));
    assert_eq!(status, 400, "eleven slices");
}

#[test]
fn protected_orders_become_limits_within_their_band() {
    let mut desk = Desk::new();
    let id = desk.place("order_type=MARKET&market_protection=1.5&price=");
    let order = desk.order(&id);
    assert_eq!((order["order_type"].as_str(), order["status"].as_str()), (Some("LIMIT"), Some("COMPLETE")));
    assert_eq!(
        (&order["price"], &order["tags"]),
        (&Value::from(1015), &Value::from(vec!["mktp", "mktp:1.50"]))
    );
    let id = desk.place("order_type=SL-M&transaction_type=SELL&trigger_price=990&market_protection=-1");
    assert_eq!(desk.statuses(&id).last().unwrap(), "TRIGGER PENDING");
    assert_eq!(desk.order(&id)["price"], 970.2);
    desk.tick(SHARE, 99_500, 10);
    assert_eq!(desk.statuses(&id).last().unwrap(), "TRIGGER PENDING");
    desk.tick(SHARE, 98_995, 10);
    assert_eq!(desk.order(&id)["status"], "COMPLETE");
    assert_eq!(desk.get("/portfolio/positions", "")["net"][0]["quantity"], 0);
}

#[test]
fn the_rest_of_an_ioc_is_cancelled_and_partial_fills_are_updates() {
    let mut desk = Desk::new();
    let id = desk.place("validity=IOC");
    let order = desk.order(&id);
    assert_eq!((order["status"].as_str(), order["filled_quantity"].as_i64()), (Some("CANCELLED"), Some(0)));
    desk.postbacks();
    let id = desk.place("quantity=100");
    desk.broker.nudge(&id, Qty(40));
    let order = desk.order(&id);
    assert_eq!((order["status"].as_str(), order["filled_quantity"].as_i64()), (Some("OPEN"), Some(40)));
    let posted = desk.postbacks();
    assert_eq!(
        (posted[0]["status"].as_str(), posted[0]["unfilled_quantity"].as_i64()),
        (Some("UPDATE"), Some(60))
    );
    desk.tick(SHARE, 99_950, 50);
    assert_eq!(desk.order(&id)["filled_quantity"], 40, "the market is as before");
    desk.ask("DELETE", &format!("/orders/regular/{id}"), "");
    let order = desk.order(&id);
    assert_eq!(
        (order["status"].as_str(), order["cancelled_quantity"].as_i64()),
        (Some("CANCELLED"), Some(60))
    );
    let trades = desk.get(&format!("/orders/{id}/trades"), "");
    assert_eq!(
        (trades[0]["quantity"].as_i64(), trades[0]["average_price"].as_f64()),
        (Some(40), Some(999.0))
    );
}

#[test]
fn twenty_five_changes_and_no_more() {
    let mut desk = Desk::new();
    let id = desk.place("");
    for change in 0..26 {
        let price = 990 - change;
        let (status, answer) = desk.ask("PUT", &format!("/orders/regular/{id}"), &format!("price={price}"));
        assert_eq!(status, if change < 25 { 200 } else { 400 }, "{change}: {answer}");
    }
    for (fields, status) in
        [("order_type=SL&trigger_price=1001", 400), ("validity=IOC", 400), ("price=1.01", 400)]
    {
        let id = desk.place("");
        assert_eq!(desk.ask("PUT", &format!("/orders/regular/{id}"), fields).0, status, "{fields}");
    }
    assert_eq!(desk.ask("PUT", "/orders/regular/123", "price=1").1["error_type"], "OrderException");
}

#[test]
fn a_refused_change_leaves_the_order_as_it_was() {
    let mut desk = Desk::new();
    let id = desk.place("order_type=SL&trigger_price=1010&price=1011");
    assert_eq!(desk.statuses(&id).last().unwrap(), "TRIGGER PENDING");
    // A buy's trigger beyond its limit: the exchange refuses, after the answer.
    let path = format!("/orders/regular/{id}");
    assert_eq!(desk.ask("PUT", &path, "trigger_price=1012").0, 200);
    let statuses = desk.statuses(&id);
    assert_eq!(statuses[statuses.len() - 2..], ["NOT MODIFIED", "TRIGGER PENDING"]);
    assert_eq!(desk.order(&id)["trigger_price"], 1010);
    assert_eq!(desk.ask("PUT", &path, "trigger_price=1005&price=1006").0, 200);
    assert_eq!(desk.order(&id)["price"], 1006);
    desk.tick(SHARE, 100_500, 10);
    assert_eq!(desk.order(&id)["status"], "COMPLETE");
}

#[test]
fn the_broker_closes_what_is_held_within_the_day() {
    let mut desk = Desk::new();
    desk.place("price=1001");
    let resting = desk.place("price=900");
    let delivered = desk.place("price=1001&product=CNC");
    desk.pass_to("15:24:59");
    assert_eq!(desk.order(&resting)["status"], "OPEN");
    desk.tick(SHARE, 100_000, 10);
    desk.pass_to("15:25:01");
    assert_eq!(desk.order(&resting)["status"], "CANCELLED");
    let all = desk.get("/orders", "");
    let last = all.as_array().unwrap().last().unwrap().clone();
    assert_eq!((last["placed_by"].as_str(), last["status"].as_str()), (Some("RMS"), Some("COMPLETE")));
    let held = desk.get("/portfolio/positions", "");
    let quantities: Vec<(&str, i64)> = held["net"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["product"].as_str().unwrap(), p["quantity"].as_i64().unwrap()))
        .collect();
    assert_eq!(quantities, [("CNC", 10), ("MIS", 0)]);
    assert_eq!(desk.order(&delivered)["status"], "COMPLETE");
}

#[test]
fn day_orders_die_with_the_session_and_forgotten_ones_are_gone() {
    let mut desk = Desk::new();
    let id = desk.place("product=CNC");
    let other = desk.place("price=1001");
    desk.postbacks();
    desk.broker.forget();
    assert_eq!(desk.get("/orders", ""), Value::Array(Vec::new()));
    assert_eq!(desk.get("/portfolio/positions", "")["net"], Value::Array(Vec::new()));
    assert_eq!(desk.ask("GET", &format!("/orders/{other}"), "").0, 400);
    assert_eq!(desk.postbacks(), Vec::<Value>::new());
    let new = desk.place("product=CNC");
    assert_ne!(new, id);
    desk.pass_to("15:31:01");
    let order = desk.order(&new);
    assert_eq!(
        (order["status"].as_str(), order["status_message"].as_str()),
        (Some("CANCELLED"), Some("The market has closed."))
    );
}

#[test]
fn orders_take_their_time_to_the_exchange_when_told_so() {
    let mut config = Config::default();
    config.venue.place_latency =
        pitlane_engine::config::LatencyModel::Uniform { least_ns: NS_PER_S / 2, spread_ns: 0, step_ns: 1 };
    let mut desk = Desk::with(config);
    let id = desk.place("price=1001");
    assert_eq!(desk.statuses(&id).last().unwrap(), "OPEN PENDING");
    let (status, answer) = desk.ask("DELETE", &format!("/orders/regular/{id}"), "");
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains("being processed"));
    desk.tick(SHARE, 100_000, 10);
    assert_eq!(desk.order(&id)["status"], "COMPLETE");
}
