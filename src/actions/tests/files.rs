use super::*;
use crate::actions::files;
use crate::api::Lost;
use crate::bindings::capsule::crm::types::NewFile;
use crate::contract::json::base64;

const UPLOAD: &str = "/api/v2/attachments/upload";
const FILE: &str = "/api/v2/attachments/9";
const ENTRY: &str = "/api/v2/entries/8";

#[test]
fn an_upload_is_a_raw_body_with_a_percent_encoded_name() {
    let script = Script::new().on("POST", UPLOAD, 201, json!({"upload": {"token": "u1/aa/7"}}));
    let bytes = [0_u8, 255, 13, 10, 128];
    let input = json!({"filename": "preços, 2026.pdf", "contentType": "application/pdf", "content": base64(&bytes)});
    let (output, log) = done(script, "files.upload", &input);
    let sent = log.sent(0);
    let header = |name: &str| sent.headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(sent.body, bytes);
    assert_eq!(header("content-type"), "application/pdf");
    assert_eq!(header("content-length"), "5");
    assert_eq!(header("x-attachment-filename"), "pre%C3%A7os%2C%202026.pdf");
    assert_eq!(
        output,
        json!({"token": "u1/aa/7", "filename": "preços, 2026.pdf", "contentType": "application/pdf", "size": 5})
    );
}

#[test]
fn an_upload_may_answer_200_too() {
    let script = Script::new().on("POST", UPLOAD, 200, json!({"upload": {"token": "u1/aa/7"}}));
    let input = json!({"filename": "a.bin", "content": ""});
    let (output, log) = done(script, "files.upload", &input);
    assert_eq!(output["token"], "u1/aa/7");
    assert_eq!(
        log.sent(0).headers["content-type"],
        "application/octet-stream"
    );
}

#[test]
fn a_file_over_25_mb_is_too_large_before_anything_is_sent() {
    let file = |size: usize| NewFile {
        filename: "big.bin".into(),
        content_type: None,
        content: vec![0; size],
    };
    let (client, log) = Script::new().client();
    let error = block_on(files::upload(&client, file(25_000_001))).unwrap_err();
    assert_eq!(fault(error).0, "too-large");
    assert_eq!(log.count(), 0);
    let script = Script::new().on("POST", UPLOAD, 201, json!({"upload": {"token": "u1/aa/7"}}));
    let (client, _) = script.client();
    assert!(block_on(files::upload(&client, file(25_000_000))).is_ok());
}

#[test]
fn json_over_8_mib_is_too_large_before_anything_is_sent() {
    let input = json!({"filename": "big.bin", "content": "A".repeat(8 << 20)});
    assert_eq!(
        fault(failed(Script::new(), "files.upload", &input)).0,
        "too-large"
    );
}

#[test]
fn a_file_of_5_mb_goes_through_json_both_ways() {
    let bytes = vec![7_u8; 5_000_000];
    let script = Script::new().on("POST", UPLOAD, 201, json!({"upload": {"token": "u1/aa/7"}}));
    let input = json!({"filename": "big.bin", "content": base64(&bytes)});
    assert_eq!(done(script, "files.upload", &input).0["size"], 5_000_000);
    let script = Script::new().raw("GET", FILE, 200, bytes.clone());
    let (output, _) = done(script, "files.download", &json!({"id": 9}));
    assert_eq!(output["content"], base64(&bytes));
}

#[test]
fn a_result_over_8_mib_of_json_is_too_large() {
    let script = Script::new().raw("GET", FILE, 200, vec![7_u8; 7_000_000]);
    let error = failed(script, "files.download", &json!({"id": 9}));
    assert_eq!(fault(error).0, "too-large");
}

#[test]
fn a_name_or_a_type_that_does_not_fit_is_told() {
    for (changes, at, rule) in [
        (json!({"filename": " "}), "/filename", "required"),
        (json!({"contentType": "pdf"}), "/contentType", "format"),
        (
            json!({"contentType": "a/b\r\nX: 1"}),
            "/contentType",
            "format",
        ),
        (json!({"content": "Zg=x"}), "/content", "type"),
    ] {
        let input = over(json!({"filename": "a.pdf", "content": "Zg=="}), changes);
        assert_eq!(
            pointers(Script::new(), "files.upload", &input),
            [(at.into(), rule.into())],
            "{input}"
        );
    }
}

#[test]
fn an_upload_whose_answer_is_lost_or_has_no_token_is_unknown() {
    let input = json!({"filename": "a.pdf", "content": "Zg=="});
    let lost = Script::new().lost("POST", UPLOAD, Lost::NoAnswer("reset".into()));
    assert_eq!(
        fault(failed(lost, "files.upload", &input)).0,
        "outcome-unknown"
    );
    let without = Script::new().on("POST", UPLOAD, 201, json!({"upload": {}}));
    assert_eq!(
        fault(failed(without, "files.upload", &input)).0,
        "outcome-unknown"
    );
}

#[test]
fn a_download_gives_bytes_that_are_not_json_with_name_and_type() {
    let script = Script::new()
        .raw("GET", FILE, 200, vec![0_u8, 159, 146, 150])
        .with("content-type", "application/pdf")
        .with(
            "content-disposition",
            "inline; filename*=UTF-8''pre%C3%A7os.pdf; filename=\"pre_os.pdf\"",
        );
    let (output, _) = done(script, "files.download", &json!({"id": 9}));
    assert_eq!(
        output,
        json!({"id": 9, "filename": "preços.pdf", "contentType": "application/pdf", "size": 4, "content": "AJ+Slg=="})
    );
}

#[test]
fn a_download_without_headers_still_gives_its_bytes() {
    let script = Script::new().raw("GET", FILE, 200, "{\"a\":1}");
    let (output, _) = done(script, "files.download", &json!({"id": 9}));
    assert_eq!(
        output,
        json!({"id": 9, "size": 7, "content": "eyJhIjoxfQ=="})
    );
}

#[test]
fn a_download_of_what_is_not_there_is_not_found() {
    let script = Script::new().on("GET", FILE, 404, json!({"message": "attachment not found"}));
    let error = failed(script, "files.download", &json!({"id": 9}));
    assert_eq!(fault(error).0, "not-found");
}

#[test]
fn attaching_keeps_the_files_that_are_there() {
    let attachments = json!([{"id": 1, "filename": "old.pdf"}, {"id": 2, "filename": "new.pdf"}]);
    let script = Script::new().on(
        "PUT",
        &format!("{ENTRY}?embed=party"),
        200,
        json!({"entry": {"id": 8, "type": "note", "attachments": attachments, "parties": [], "participants": []}}),
    );
    let input = json!({"id": 8, "tokens": ["u1/aa/7"], "embed": {"party": true}});
    let (output, log) = done(script, "files.attach-to-entry", &input);
    // No row that is there is named, so none is changed or taken away.
    assert_eq!(
        log.sent(0).json(),
        json!({"entry": {"attachments": [{"token": "u1/aa/7"}]}})
    );
    assert_eq!(output["attachments"].as_array().unwrap().len(), 2);
}

#[test]
fn attaching_whose_answer_is_lost_is_unknown() {
    let script = Script::new().lost("PUT", ENTRY, Lost::NoAnswer("reset".into()));
    let input = json!({"id": 8, "tokens": ["u1/aa/7"]});
    assert_eq!(
        fault(failed(script, "files.attach-to-entry", &input)).0,
        "outcome-unknown"
    );
}

#[test]
fn tokens_that_say_nothing_are_told() {
    for (tokens, at, rule) in [
        (json!([]), "/tokens", "required"),
        (json!([" "]), "/tokens/0", "required"),
        (json!(["a", "a"]), "/tokens/1", "unique"),
    ] {
        let input = json!({"id": 8, "tokens": tokens});
        assert_eq!(
            pointers(Script::new(), "files.attach-to-entry", &input),
            [(at.into(), rule.into())]
        );
    }
}
