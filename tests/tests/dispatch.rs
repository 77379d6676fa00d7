//! Whom to send, over the HTTP API and over a kill: proposals from a file of engineers, one taken, one overridden.

use serde_json::{Value, json};
use tests::api::Api;
use tests::gateway::{GatewaySetup, RunningGateway};

const CONFIG: &str = "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nauto_register = false\n\
                      [dispatch]\nengineers = \"engineers.toml\"\n";
const REGISTRY: &str = "[[site]]\nname = \"north\"\nlatitude = 52.52\nlongitude = 13.40\nregion = \"berlin\"\n\
                        [[device]]\nsite = \"north\"\ndevice = \"pump-1\"\nprofile = \"pump\"\n";
const ENGINEERS: &str = "[[engineer]]\nname = \"far\"\nskills = [\"mechanical\"]\nlatitude = 48.14\nlongitude = 11.58\n\
                         [[engineer]]\nname = \"near\"\nskills = [\"mechanical\"]\nlatitude = 52.39\nlongitude = 13.06\n\
                         van = { \"bearing 6205-2RS\" = 1 }\n[[engineer]]\nname = \"cook\"\nlatitude = 52.52\nlongitude = 13.40\n";

async fn started(setup: &GatewaySetup) -> (RunningGateway, Api) {
    let gateway = setup.start();
    let api = Api::new(gateway.http.expect("it has pages"));
    (gateway, api)
}

fn said(proposal: &Value) -> Vec<&str> {
    let reasons = proposal["reasons"].as_array().expect("a list");
    reasons.iter().filter_map(|r| r["en"].as_str()).collect()
}

#[tokio::test]
async fn the_nearest_who_can_is_proposed_and_an_override_is_kept_with_its_reason_over_a_kill() {
    let setup = GatewaySetup::new(CONFIG);
    std::fs::write(setup.folder().join("registry.toml"), REGISTRY).expect("written");
    std::fs::write(setup.folder().join("engineers.toml"), ENGINEERS).expect("written");
    let (gateway, api) = started(&setup).await;
    let fault = json!({"site": "north", "device": "pump-1", "failure_mode": "bearing_wear", "reporter": "Ms Chen"});
    api.post("tickets", fault).await.ok();

    let proposals = api.get("tickets/T-000001/dispatch").await.ok();
    let names: Vec<_> = (0..3).filter_map(|i| proposals[i]["engineer"].as_str()).collect();
    assert_eq!(names, ["near", "far", "cook"], "{proposals}");
    assert!(said(&proposals[0]).contains(&"27 km away"), "{proposals}");
    assert!(
        said(&proposals[0]).contains(&"on the van: bearing 6205-2RS"),
        "{proposals}"
    );
    assert!(
        said(&proposals[2]).contains(&"lacks the skills: mechanical"),
        "{proposals}"
    );

    let refused = api.post("tickets/T-000001/assign", json!({"assignee": "far"})).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    let changed = json!({"assignee": "far", "proposal_rank": 1, "override_reason": "x"});
    assert_eq!(api.post("tickets/T-000001/assign", changed).await.status, 409);
    let other = json!({"assignee": "far", "proposal_rank": 2, "override_reason": "knows the pump"});
    api.post("tickets/T-000001/assign", other).await.ok();
    gateway.kill();

    let (gateway, api) = started(&setup).await;
    let ticket = api.get("tickets/T-000001").await.ok();
    assert_eq!(ticket["assignee"], "far");
    let history = ticket["history"].as_array().expect("a list");
    assert!(history.iter().any(|step| step["note"] == "knows the pump"), "{ticket}");
    let review = api.get("review").await.ok();
    let figures = review["figures"].as_array().expect("a list");
    let overrides = figures
        .iter()
        .find(|f| f["key"] == "dispatch_overrides")
        .expect("counted");
    assert_eq!((&overrides["part"], &overrides["of"]), (&json!(1), &json!(1)));

    // a second ticket of the site: who goes there anyway is preferred, and taking the first needs no reason
    let drips = json!({"site": "north", "device": "pump-1", "title": "drips", "reporter": "Ms Chen"});
    api.post("tickets", drips).await.ok();
    let proposals = api.get("tickets/T-000002/dispatch").await.ok();
    let far = (0..3).map(|i| &proposals[i]).find(|p| p["engineer"] == "far");
    assert!(
        said(far.expect("proposed")).contains(&"goes to the same site anyway: T-000001"),
        "{proposals}"
    );
    let first = json!({"assignee": proposals[0]["engineer"], "proposal_rank": 1});
    api.post("tickets/T-000002/assign", first).await.ok();
    gateway.kill();
}
