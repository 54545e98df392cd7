//! Chat templates: prompts equal to the letter to those that transformers renders.

use std::path::Path;

use bdlm::text::{ChatTemplate, Conversation, Message};

#[derive(serde::Deserialize)]
struct Case {
    #[serde(rename = "in")]
    input: Conversation,
    out: String,
}

const QWEN3: &str = include_str!("fixtures/chat/qwen3.jinja");
const QWEN2: &str = include_str!("fixtures/chat/qwen2.jinja");

fn check(template: &str, cases: &str, count: usize) -> Result<(), String> {
    let template = ChatTemplate::new(template).map_err(|e| e.to_string())?;
    let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
    assert_eq!(cases.len(), count);
    for Case { input, out } in cases {
        let got = template.render(&input, 0).map_err(|e| e.to_string())?;
        if got != out {
            return Err(format!("{input:?}:\n{got:?}\nexpected\n{out:?}"));
        }
    }
    Ok(())
}

#[test]
fn the_templates_of_qwen_give_what_transformers_gives_tools_included() {
    check(QWEN3, include_str!("fixtures/chat/chat_cases_qwen3.json"), 19).unwrap();
    check(QWEN2, include_str!("fixtures/chat/chat_cases_qwen2.json"), 5).unwrap();
}

#[test]
fn the_check_of_templates_sees_one_newline_too_many() {
    let wrong = QWEN2.replacen("<|im_end|>\\n", "<|im_end|>\\n\\n", 1);
    check(&wrong, include_str!("fixtures/chat/chat_cases_qwen2.json"), 5).unwrap_err();
}

fn hello() -> Conversation {
    Conversation { messages: vec![Message::new("user", "Hi")], ..Conversation::default() }
}

#[test]
fn a_template_that_raises_or_is_none_is_one_error_that_says_so() {
    let says = |source: &str, words: &str| {
        let error = ChatTemplate::new(source).and_then(|t| t.render(&hello(), 0)).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("chat template: ") && error.contains(words), "{error}");
        assert!(!error.contains('\n'), "{error}");
    };
    says("{{ raise_exception('roles must alternate') }}", "roles must alternate");
    says("a\n{% if %}", "line 2");
    says("{{ messages.nothing.at_all }}", "line 1");
    says("{{ strftime_now('%Q') }}", "%Q");
}

#[test]
fn templates_come_from_a_file_or_the_tokenizers_config_with_its_special_tokens() {
    let config = br#"{"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null,
        "chat_template": [{"name": "tool_use", "template": "tools"},
                          {"name": "default", "template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"}]}"#;
    let config: Option<(&Path, &[u8])> = Some((Path::new("tokenizer_config.json"), config));
    let template = ChatTemplate::of_model(None, config).unwrap().unwrap();
    assert_eq!(template.render(&hello(), 0).unwrap(), "<s>Hi</s>");
    let file: Option<(&Path, &[u8])> = Some((
        Path::new("chat_template.jinja"),
        b"\xef\xbb\xbf{{ strftime_now('%d %b %Y') }}{{ eos_token }}",
    ));
    let template = ChatTemplate::of_model(file, config).unwrap().unwrap();
    assert_eq!(template.render(&hello(), 86_400).unwrap(), "02 Jan 1970</s>");
    assert!(ChatTemplate::of_model(None, None).unwrap().is_none());
    let damaged: Option<(&Path, &[u8])> = Some((Path::new("tokenizer_config.json"), b"{"));
    let error = ChatTemplate::of_model(None, damaged).unwrap_err().to_string();
    assert!(error.contains("tokenizer_config.json is not whole JSON"), "{error}");
}

#[test]
fn marks_of_training_print_nothing() {
    let source = "{% for m in messages %}\n{%- generation -%}\n{{ m.content }}\n{%- endgeneration %}!\n{% endfor %}";
    assert_eq!(ChatTemplate::new(source).unwrap().render(&hello(), 0).unwrap(), "Hi!\n");
}
