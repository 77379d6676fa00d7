//! What is foretold, by hand and against sums of chances.

use super::*;
use domain::text::Text;
use domain::{DeviceKey, FailureModeId, LifeBasis, Millis, Prognosis, RemainingLife, Severity, TicketId, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DAY: i64 = 24 * 3_600_000;
const NOW: Timestamp = Timestamp(2_000 * DAY);
/// Nothing is known of the time before.
const YOUNG: Timestamp = Timestamp(1_990 * DAY);

fn part(reorder_point: u32, lead_time_days: u32) -> Part {
    Part {
        number: PartNumber::new("b"),
        name: Text::default(),
        reorder_point,
        lead_time_days,
        unit_price_cents: None,
    }
}

fn counts(on_hand: u32, reserved: u32) -> Counts {
    Counts { on_hand, reserved }
}

fn cause(device: usize, quantity: u32, likelihood: Likelihood) -> Cause {
    Cause {
        device: DeviceKey::new("north", &format!("pump-{device}")).expect("a name"),
        failure_mode: FailureModeId::new("bearing_wear").expect("a name"),
        alarm: None,
        ticket: None,
        needs: BTreeMap::from([(PartNumber::new("b"), quantity)]),
        held: BTreeMap::new(),
        likelihood,
    }
}

fn life(days: [i64; 3]) -> Likelihood {
    let [p10, p50, p90] = days.map(Millis::days);
    Likelihood::Prognosis(Prognosis::Known(RemainingLife {
        made_at: NOW,
        p10,
        p50,
        p90,
        basis: LifeBasis::Trend,
    }))
}

#[test]
fn a_bearing_that_will_fail_within_the_lead_time_is_ordered_today() {
    let causes = [cause(1, 2, life([5, 10, 20])), cause(2, 1, life([100, 200, 300]))];
    let found = forecast(&part(1, 20), counts(2, 0), &causes, &[], YOUNG, NOW);
    // 0.9 × 2, and 0.1 × 20 / 100 × 1
    assert!((found.foretold - 1.82).abs() < 1e-9, "{found:?}");
    assert!((found.projected - 0.18).abs() < 1e-9 && found.is_low);
    assert_eq!(found.order_by, Some(NOW));
    // two of the first with 90 %, one to stay at the reorder point, two are there
    assert_eq!(found.order_quantity, 1);
    let devices: Vec<_> = found.causes.iter().map(|c| c.device.to_string()).collect();
    assert_eq!(devices, ["north/pump-1", "north/pump-2"]);
}

#[test]
fn a_failure_after_the_lead_time_is_ordered_for_later() {
    let causes = [cause(1, 1, Likelihood::By(NOW + Millis::days(15)))];
    let found = forecast(&part(1, 10), counts(1, 0), &causes, &[], YOUNG, NOW);
    assert!(!found.is_low, "{found:?}");
    assert_eq!(found.order_by, Some(NOW + Millis::days(5)));
    assert_eq!(found.order_quantity, 1);
    let far = [cause(1, 1, Likelihood::By(NOW + Millis::days(21)))];
    let found = forecast(&part(1, 10), counts(1, 0), &far, &[], YOUNG, NOW);
    assert_eq!((found.order_by, found.order_quantity), (None, 0));
}

#[test]
fn what_is_kept_back_is_not_there_and_what_is_bad_without_a_date_counts_by_severity() {
    let found = forecast(&part(1, 10), counts(3, 3), &[], &[], YOUNG, NOW);
    assert!(found.is_low && found.order_quantity == 1, "{found:?}");
    let known = [Severity::Advisory, Severity::Warning, Severity::Critical];
    let chances: Vec<f64> = known
        .iter()
        .map(|s| Likelihood::Severity(*s).within(NOW, Millis::days(1)))
        .collect();
    assert_eq!(chances, [0.125, 0.35, 0.65]);
}

#[test]
fn a_use_that_was_seen_coming_does_not_count_a_second_time() {
    let used = |at: i64, known_days: i64| Use {
        part: PartNumber::new("b"),
        quantity: 1,
        at: Timestamp(at * DAY),
        known_since: Timestamp((at - known_days) * DAY),
    };
    let since = Timestamp(0);
    let unforeseen = |uses: &[Use]| forecast(&part(0, 20), counts(9, 0), &[], uses, since, NOW).unforeseen;
    assert!((unforeseen(&[used(1_900, 0)]) - 20.0 / 365.0).abs() < 1e-9);
    assert!((unforeseen(&[used(1_900, 5)]) - 15.0 / 365.0).abs() < 1e-9);
    assert_eq!(unforeseen(&[used(1_900, 40)]), 0.0);
    // four in the same weeks of last year: 20 days of 50
    let season: Vec<Use> = (0..4).map(|i| used(1_640 + i, 0)).collect();
    assert!((unforeseen(&season) - 4.0 * 20.0 / 50.0).abs() < 1e-9);
    // where last year is not known, nothing is told of it
    let young = forecast(&part(0, 20), counts(9, 0), &[], &season, Timestamp(1_700 * DAY), NOW);
    assert_eq!(young.unforeseen, 0.0);
}

#[test]
fn tickets_are_listed_with_their_devices_fifty_at_most() {
    let causes: Vec<Cause> = (0..70)
        .map(|i| Cause {
            ticket: Some(TicketId(i)),
            ..cause(i as usize, 1, Likelihood::By(NOW))
        })
        .collect();
    let found = forecast(&part(0, 20), counts(80, 0), &causes, &[], YOUNG, NOW);
    assert_eq!((found.causes.len(), found.cause_count), (50, 70));
    assert!(found.causes.iter().all(|c| c.ticket.is_some() && c.probability == 1.0));
}

#[test]
fn who_keeps_a_part_back_is_listed_but_not_counted_twice() {
    let holds = Cause {
        held: BTreeMap::from([(PartNumber::new("b"), 2)]),
        needs: BTreeMap::new(),
        ..cause(1, 0, Likelihood::By(NOW + Millis::days(90)))
    };
    let found = forecast(&part(1, 10), counts(2, 2), &[holds], &[], YOUNG, NOW);
    assert!(found.is_low && found.order_quantity == 1, "{found:?}");
    assert_eq!((found.foretold, found.projected), (0.0, 0.0));
    assert!(found.foretold.is_sign_positive() && found.unforeseen.is_sign_positive());
    let shares: Vec<_> = found
        .causes
        .iter()
        .map(|c| (c.quantity, c.reserved, c.probability))
        .collect();
    assert_eq!(shares, [(0, 2, 1.0)]);
}

#[test]
fn known_quantiles_of_poisson_and_of_the_binomial_distribution() {
    // tables of the Poisson distribution: P(X ≤ 4) = 0.947, P(X ≤ 3) = 0.857 for a mean of 2
    assert_eq!(demand_quantile(&[], 2.0), 4);
    assert_eq!(demand_quantile(&[], 0.0), 0);
    assert_eq!(demand_quantile(&[], 0.1), 0);
    // binomial, n = 10, p = 0.3: P(X ≤ 5) = 0.953, P(X ≤ 4) = 0.850
    assert_eq!(demand_quantile(&[(0.3, 1); 10], 0.0), 5);
    assert_eq!(demand_quantile(&[(1.0, 3), (0.0, 5), (f64::NAN, 9)], 0.0), 3);
    // 10,000 repairs: mean 5,000, standard deviation 50
    assert_eq!(demand_quantile(&[(0.5, 1); 10_000], 0.0), 5_065);
    assert!(demand_quantile(&[(1.0, u32::MAX); 3], f64::INFINITY) > 1_000_000);
}

/// Every outcome, one by one.
fn slow_quantile(repairs: &[(f64, u32)]) -> u32 {
    let mut chance: BTreeMap<u32, f64> = BTreeMap::new();
    for outcome in 0..1u32 << repairs.len() {
        let (mut p, mut sum) = (1.0, 0);
        for (i, (own, n)) in repairs.iter().enumerate() {
            let comes = outcome >> i & 1 == 1;
            p *= if comes { *own } else { 1.0 - *own };
            sum += if comes { *n } else { 0 };
        }
        *chance.entry(sum).or_default() += p;
    }
    let mut sum = 0.0;
    let reached = chance.iter().find(|(_, p)| {
        sum += **p;
        sum >= CERTAINTY - 1e-12
    });
    *reached.expect("all together are 1").0
}

proptest! {
    #[test]
    fn the_quantile_is_that_of_all_outcomes(repairs in prop::collection::vec((0.01..0.99f64, 1..4u32), 0..9)) {
        prop_assert_eq!(demand_quantile(&repairs, 0.0), slow_quantile(&repairs));
    }

    #[test]
    fn more_trouble_never_asks_for_less(
        lives in prop::collection::vec((1..200i64, 1..200i64, 1..200i64), 0..8),
        on_hand in 0..8u32, reorder_point in 0..4u32, lead in 1..60u32,
    ) {
        let causes: Vec<Cause> = lives.iter().enumerate()
            .map(|(i, (a, b, c))| cause(i, 1, life([*a, a + b, a + b + c])))
            .collect();
        let part = part(reorder_point, lead);
        let one = forecast(&part, counts(on_hand, 0), &causes, &[], YOUNG, NOW);
        let fewer = forecast(&part, counts(on_hand, 0), &causes[..causes.len() / 2], &[], YOUNG, NOW);
        prop_assert!(fewer.foretold <= one.foretold + 1e-9);
        let by = |f: &Forecast| f.order_by.unwrap_or(Timestamp(i64::MAX));
        prop_assert!(by(&one) <= by(&fewer), "never later");
        prop_assert!(!one.is_low || one.order_by == Some(NOW));
        prop_assert_eq!(one.order_by.is_some(), one.order_quantity > 0);
        // having ordered and got it, it is not low any more
        if one.order_by == Some(NOW) {
            let after = forecast(&part, counts(on_hand + one.order_quantity, 0), &causes, &[], YOUNG, NOW);
            prop_assert!(!after.is_low, "{one:?}\n{after:?}");
        }
    }
}
