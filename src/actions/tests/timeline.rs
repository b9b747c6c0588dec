use super::*;

const ENTRIES: &str = "/api/v2/entries";
const ENTRY: &str = "/api/v2/entries/8001";
const TYPES: &str = "/api/v2/activitytypes?page=1&perPage=100";

/// A note as Capsule stores it, with what is different here.
fn entry(id: u64, changes: Value) -> Value {
    let base = json!({
        "id": id, "type": "note", "subject": null, "content": "Likes figs", "entryAt": "2026-02-01T08:00:00Z",
        "createdAt": "2026-02-01T08:00:00Z", "updatedAt": "2026-02-01T08:00:00Z", "attachments": [],
        "creator": {"id": 31, "username": "rkaya", "name": "Rana Kaya"}, "activityType": {"id": -1, "name": "Note"},
        "party": {"id": 9001, "type": "person", "firstName": "Ines", "lastName": "Duarte"}, "parties": null, "participants": null,
    });
    over(base, changes)
}

fn answer(changes: Value) -> Value {
    json!({ "entry": entry(8001, changes) })
}

fn added() -> Script {
    Script::new().on("POST", ENTRIES, 201, answer(json!({})))
}

fn types() -> Script {
    let rows = json!([{"id": -1, "name": "Note"}, {"id": -3, "name": "Call"}, {"id": 40, "name": "Visit"}, {"id": 41, "name": "call"}]);
    Script::new().on("GET", TYPES, 200, json!({ "activityTypes": rows }))
}

// ---- add-note ----

#[test]
fn a_note_goes_out_as_it_was_given() {
    let input = json!({
        "on": {"party": 9001}, "content": "Likes figs", "activityType": -3, "entryAt": "2026-02-01T08:00:00Z",
    });
    let (output, log) = done(added(), "timeline.add-note", &input);
    assert_eq!(
        log.sent(0).json(),
        json!({"entry": {
            "type": "note", "content": "Likes figs", "party": {"id": 9001}, "activityType": {"id": -3},
            "entryAt": "2026-02-01T08:00:00Z",
        }})
    );
    assert_eq!(
        output,
        json!({
            "id": 8001, "type": "note", "content": "Likes figs", "entryAt": "2026-02-01T08:00:00Z",
            "createdAt": "2026-02-01T08:00:00Z", "updatedAt": "2026-02-01T08:00:00Z",
            "creator": {"id": 31, "username": "rkaya", "name": "Rana Kaya"}, "activityType": {"id": -1, "name": "Note"},
            "party": {"id": 9001, "type": "person", "firstName": "Ines", "lastName": "Duarte", "isRestricted": false},
            "parties": [], "participants": [], "attachments": [],
        })
    );
}

#[test]
fn a_note_is_on_exactly_one_record() {
    for (on, key) in [
        (json!({"party": 1}), "party"),
        (json!({"opportunity": 1}), "opportunity"),
        (json!({"kase": 1}), "kase"),
    ] {
        let (_, log) = done(
            added(),
            "timeline.add-note",
            &json!({"on": on, "content": "x"}),
        );
        assert_eq!(
            log.sent(0).json()["entry"],
            json!({"type": "note", "content": "x", key: {"id": 1}})
        );
    }
    for input in [
        json!({"content": "x"}),
        json!({"on": {}, "content": "x"}),
        json!({"on": {"party": 1, "kase": 2}, "content": "x"}),
    ] {
        assert_eq!(
            pointers(Script::new(), "timeline.add-note", &input)[0].0,
            "/on",
            "{input}"
        );
    }
}

#[test]
fn an_activity_type_is_known_by_name_built_in_or_not() {
    for (name, id) in [("note", -1), (" Visit ", 40)] {
        let script = types().on("POST", ENTRIES, 201, answer(json!({})));
        let input = json!({"on": {"party": 1}, "content": "x", "activityType": name});
        let (_, log) = done(script, "timeline.add-note", &input);
        assert_eq!(
            log.sent(1).json()["entry"]["activityType"],
            json!({ "id": id })
        );
    }
}

#[test]
fn an_activity_type_that_is_not_one_is_told_with_what_is_near() {
    let input = |name: &str| json!({"on": {"party": 1}, "content": "x", "activityType": name});
    let fault = violations(types(), "timeline.add-note", &input("Visti")).remove(0);
    assert_eq!(fault.pointer, "/activityType");
    assert!(fault.message.contains("`Visit`"), "{}", fault.message);
    assert_eq!(
        ambiguity(types(), "timeline.add-note", &input("Call")),
        (
            "/activityType".to_owned(),
            [("-3", "Call"), ("41", "call")]
                .map(|(id, label)| (id.to_owned(), label.to_owned()))
                .to_vec()
        )
    );
    assert_eq!(
        pointers(types(), "timeline.add-note", &input(" ")),
        [("/activityType".to_owned(), "required".to_owned())]
    );
}

#[test]
fn a_note_needs_a_text() {
    let input = json!({"on": {"party": 1}, "content": " \n"});
    assert_eq!(
        pointers(Script::new(), "timeline.add-note", &input),
        [("/content".to_owned(), "required".to_owned())]
    );
}

// ---- update ----

#[test]
fn a_change_of_the_text_needs_no_reading() {
    let script = Script::new().on("PUT", ENTRY, 200, answer(json!({})));
    let input = json!({"id": 8001, "content": "Likes dates", "activityType": -2});
    let (_, log) = done(script, "timeline.update", &input);
    assert_eq!(
        log.sent(0).json(),
        json!({"entry": {"content": "Likes dates", "activityType": {"id": -2}}})
    );
}

#[test]
fn a_subject_is_for_e_mails_alone() {
    let script = Script::new().on("GET", ENTRY, 200, answer(json!({})));
    assert_eq!(
        pointers(
            script,
            "timeline.update",
            &json!({"id": 8001, "subject": "Figs"})
        ),
        [("/subject".to_owned(), "choice".to_owned())]
    );
    let email = || answer(json!({"type": "email", "subject": "Old"}));
    let script = Script::new()
        .on("GET", ENTRY, 200, email())
        .on("PUT", ENTRY, 200, email());
    let (_, log) = done(
        script,
        "timeline.update",
        &json!({"id": 8001, "subject": "Figs"}),
    );
    assert_eq!(log.sent(1).json(), json!({"entry": {"subject": "Figs"}}));
}

#[test]
fn a_file_that_is_not_there_is_taken_away_with_success() {
    let stored = || {
        answer(
            json!({"attachments": [{"id": 4, "filename": "a.pdf", "contentType": "application/pdf", "size": 5}]}),
        )
    };
    let script =
        Script::new()
            .on("GET", ENTRY, 200, stored())
            .on("PUT", ENTRY, 200, answer(json!({})));
    let (_, log) = done(
        script,
        "timeline.update",
        &json!({"id": 8001, "removeAttachments": [4, 5]}),
    );
    assert_eq!(
        log.sent(1).json(),
        json!({"entry": {"attachments": [{"id": 4, "_delete": true}]}})
    );
    let script = Script::new()
        .on("GET", ENTRY, 200, stored())
        .on("GET", ENTRY, 200, stored());
    let (output, _) = done(
        script,
        "timeline.update",
        &json!({"id": 8001, "removeAttachments": [5]}),
    );
    assert_eq!(
        output["attachments"][0],
        json!({"id": 4, "filename": "a.pdf", "contentType": "application/pdf", "size": 5})
    );
}

#[test]
fn a_completed_task_on_a_timeline_is_not_changed() {
    let refusal = json!({"message": "Validation Failed", "errors": [
        {"message": "only notes and emails can be updated", "resource": "entry", "field": "type"},
    ]});
    let script = Script::new().on("PUT", ENTRY, 422, refusal);
    assert_eq!(
        pointers(
            script,
            "timeline.update",
            &json!({"id": 8001, "content": "x"})
        ),
        [("/type".to_owned(), "vendor".to_owned())]
    );
}

// ---- get, list-all, delete ----

#[test]
fn an_e_mail_comes_with_its_people_and_files() {
    let stored = json!({
        "type": "email", "subject": "Figs", "activityType": {"id": -5, "name": "Email sent"},
        "party": null, "opportunity": null, "kase": {"id": 51, "name": "Delivery"},
        "parties": [{"id": 9001, "type": "person", "firstName": "Ines", "lastName": "Duarte"}],
        "participants": [{"id": 1, "address": "ines@lagoa.example", "name": "Ines", "role": "TO"}],
        "attachments": [{"id": 4, "filename": "a.pdf", "contentType": "application/pdf", "size": 5}],
    });
    let script = Script::new().on("GET", ENTRY, 200, answer(stored));
    let (output, _) = done(script, "timeline.get", &json!({"id": 8001}));
    assert_eq!(output["kase"]["name"], "Delivery");
    assert_eq!(output.get("party"), None);
    assert_eq!(output["parties"][0]["lastName"], "Duarte");
    assert_eq!(output["participants"][0]["role"], "TO");
    assert_eq!(output["attachments"][0]["filename"], "a.pdf");
}

#[test]
fn linked_records_of_an_entry_come_short_or_full() {
    let full = person(9001, json!({"jobTitle": "Buyer"}));
    let script = Script::new().on(
        "GET",
        &format!("{ENTRY}?embed=party"),
        200,
        answer(json!({"party": full, "opportunity": {"id": 41, "name": "Figs", "milestone": {"id": 1}}})),
    );
    let (output, _) = done(
        script,
        "timeline.get",
        &json!({"id": 8001, "embed": {"party": true}}),
    );
    assert_eq!(output["party"]["jobTitle"], "Buyer");
    assert_eq!(
        output["opportunity"],
        json!({"id": 41, "name": "Figs", "isRestricted": false})
    );
}

#[test]
fn entries_are_paged_by_fifty() {
    for (on, path) in [
        (json!({"party": 9001}), "/api/v2/parties/9001/entries"),
        (
            json!({"opportunity": 41}),
            "/api/v2/opportunities/41/entries",
        ),
        (json!({"kase": 51}), "/api/v2/kases/51/entries"),
        (Value::Null, ENTRIES),
    ] {
        let rows = |from: u64, count: u64| {
            let rows: Vec<Value> = (from..from + count)
                .map(|id| entry(id, json!({})))
                .collect();
            json!({ "entries": rows })
        };
        let script = Script::new()
            .on(
                "GET",
                &format!("{path}?page=1&perPage=50"),
                200,
                rows(1, 50),
            )
            .with("x-pagination-has-more", "true")
            .on(
                "GET",
                &format!("{path}?page=2&perPage=50"),
                200,
                rows(51, 7),
            );
        let (output, _) = done(
            script,
            "timeline.list-all",
            &json!({"on": on, "limit": 500}),
        );
        assert_eq!(output["items"].as_array().unwrap().len(), 57);
        assert_eq!(output.get("next"), None);
    }
}

#[test]
fn an_entry_that_is_gone_already_is_deleted_with_success() {
    for (status, state) in [(204, "deleted"), (404, "alreadyGone")] {
        let script = Script::new().on("DELETE", ENTRY, status, Value::Null);
        assert_eq!(
            done(script, "timeline.delete", &json!({"id": 8001})).0,
            json!({"id": 8001, "state": state})
        );
    }
}
