//! SSD-LM in the Hugging Face format: RoBERTa as a masked language model, and two small layers beside
//! it. Source: Han et al., SSD-LM, 2023.

use serde::Deserialize;
use serde_json::Value;

use crate::model::checkpoint::checks::{
    EPSILON, biased_norm, check_layers, check_sizes, check_tokens, head_width,
};
use crate::model::checkpoint::habits::Habits;
use crate::model::checkpoint::json;
use crate::model::spec::{
    AdaLn, AttentionBiases, Backbone, Draw, Grid, Mlp, MlpKind, NormKind, NormSpec, Objective,
    Positions,
};
use crate::model::table::{Entry, Kind};
use crate::model::{Axis, Spec, Widths};
use crate::{Error, Result};

/// Ends of the names of tensors that checkpoints carry and inference does not need: numbers of
/// positions, copies of the head, the pooler.
pub const IGNORED_ENDS: [&str; 6] = [
    "position_ids",
    "token_type_ids",
    "lm_head.decoder.weight",
    "lm_head.decoder.bias",
    "pooler.dense.weight",
    "pooler.dense.bias",
];

/// Tokens of a block that the published model was trained with; its config does not say.
const BLOCK_SIZE: usize = 25;

/// The keys of a `config.json` that matter.
#[derive(Deserialize)]
struct Keys {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    #[serde(default)]
    type_vocab_size: Option<usize>,
    #[serde(default)]
    layer_norm_eps: Option<f64>,
    #[serde(default)]
    hidden_act: Option<String>,
    #[serde(default)]
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: Option<bool>,
    #[serde(default)]
    tie_word_embeddings: Option<bool>,
    #[serde(default)]
    pad_token_id: Option<usize>,
    #[serde(default)]
    bos_token_id: Option<u32>,
    #[serde(default)]
    eos_token_id: Option<u32>,
}

/// The network of a `config.json`.
///
/// # Errors
/// [`Error::Config`] naming what is not run, [`Error::Request`] for a block that does not fit.
pub fn spec(json: Value, asked: Habits) -> Result<Spec> {
    let json = json::with_one_token(json, "eos_token_id");
    let keys: Keys = json::keys(json, "RoBERTa's config")?;
    keys.check()?;
    // Positions are counted from behind the padding token's id on.
    let first = keys.pad_token_id.unwrap_or(1).saturating_add(1);
    let n_positions = ("max_position_embeddings", keys.max_position_embeddings);
    check_sizes(&[
        (("vocab_size", keys.vocab_size), 3),
        (("hidden_size", keys.hidden_size), 4),
        (("num_attention_heads", keys.num_attention_heads), 1),
        (("intermediate_size", keys.intermediate_size), 1),
        (n_positions, first.saturating_add(1)),
    ])?;
    check_layers(("num_hidden_layers", keys.num_hidden_layers))?;
    let (channels, heads) =
        (("hidden_size", keys.hidden_size), ("num_attention_heads", keys.num_attention_heads));
    let window = keys.max_position_embeddings - first;
    let spec = Spec {
        backbone: Backbone::Roberta,
        objective: Objective::Simplex { size: asked.block_size.unwrap_or(BLOCK_SIZE.min(window)) },
        n_layers: keys.num_hidden_layers,
        channels: keys.hidden_size,
        n_heads: keys.num_attention_heads,
        n_key_heads: keys.num_attention_heads,
        head_width: head_width(channels, heads)?,
        mlp: Mlp { width: keys.intermediate_size, kind: MlpKind::GeluErf },
        norm: NormSpec {
            kind: NormKind::Layer,
            epsilon: keys.layer_norm_eps.unwrap_or(EPSILON) as f32,
        },
        attention_biases: AttentionBiases::All,
        head_norms: false,
        positions: Positions::Learned { first },
        adaln: AdaLn::Absent,
        tied_head: true,
        logit_shift: 0,
        grid: Grid::Prompt,
        window,
        vocab_size: keys.vocab_size,
        mask_id: None,
        bos_token_id: keys.bos_token_id.or(Some(0)),
        eos_token_id: keys.eos_token_id.or(Some(2)),
        always_bos: true,
        stop_ids: Vec::new(),
        draw: Draw::default(),
    };
    spec.check_block_size(spec.block_size().unwrap_or(1))?;
    check_tokens(&spec)?;
    Ok(spec)
}

impl Keys {
    /// Fails for what the layers do not do.
    fn check(&self) -> Result<()> {
        let refuse = |words: String| Err(Error::config(words));
        let epsilon = self.layer_norm_eps.unwrap_or(EPSILON);
        if !(epsilon > 0.0 && epsilon <= 0.1) {
            return refuse(format!("layer_norm_eps is {epsilon}, expected above 0, at most 0.1"));
        }
        let activation = self.hidden_act.as_deref().unwrap_or("gelu");
        if activation != "gelu" {
            return refuse(format!("hidden_act is `{activation}`, expected `gelu`"));
        }
        let positions = self.position_embedding_type.as_deref().unwrap_or("absolute");
        if positions != "absolute" {
            return refuse(format!(
                "position_embedding_type is `{positions}`, expected `absolute`"
            ));
        }
        let types = self.type_vocab_size.unwrap_or(1);
        if types != 1 {
            return refuse(format!("type_vocab_size is {types}, expected 1"));
        }
        if self.is_decoder == Some(true) {
            return refuse("is_decoder is true, expected an encoder".into());
        }
        if self.tie_word_embeddings == Some(false) {
            return refuse(
                "tie_word_embeddings is false, expected a head tied to the embedding".into(),
            );
        }
        Ok(())
    }
}

/// Every tensor of the network. Queries, keys and values are held as one matrix; the positions that are
/// used are held with the token type that all rows share.
pub fn table(spec: &Spec) -> Vec<Entry> {
    let (widths, vocabulary) = (Widths::of(spec), Axis::exact(spec.vocab_size));
    let Widths { channels: c, queries, keys, qkv, mlp: f, .. } = widths;
    let first = match spec.positions {
        Positions::Learned { first } => first,
        Positions::Rotary(_) => 0,
    };
    let embeddings = |name: &str, rows: usize| {
        let name = format!("roberta.embeddings.{name}_embeddings.weight");
        Entry::table(name, [Axis::exact(rows), c])
    };
    let folded = |entry: Entry| entry.kind(Kind::Folded);
    let mut table = vec![
        embeddings("word", spec.vocab_size),
        folded(embeddings("position", spec.window + first)),
        folded(embeddings("token_type", 1)),
        Entry::matrix("positions", [Axis::exact(spec.window), c]).kind(Kind::Constant),
        Entry::table("embed_sum_layer.weight", [c, Axis::plain(spec.vocab_size)]),
        folded(Entry::matrix("timestep_layer.weight", [c, Axis::exact(1)])),
        folded(Entry::vector("timestep_layer.bias", c)),
        Entry::vector("lm_head.bias", vocabulary),
    ];
    let linear = |name: String, outputs: Axis, inputs: Axis| {
        let weight = Entry::matrix(format!("{name}.weight"), [outputs, inputs]);
        [weight, Entry::vector(format!("{name}.bias"), outputs)]
    };
    table.extend(linear("lm_head.dense".into(), c, c));
    table.extend(biased_norm(spec, "lm_head.layer_norm"));
    table.extend(biased_norm(spec, "roberta.embeddings.LayerNorm"));
    for layer in 0..spec.n_layers {
        let name = |tensor: &str| format!("roberta.encoder.layer.{layer}.{tensor}");
        for (input, axis) in [("query", queries), ("key", keys), ("value", keys)] {
            let [weight, bias] = linear(name(&format!("attention.self.{input}")), axis, c);
            table.extend([weight.kind(Kind::Part), folded(bias)]);
        }
        table.push(Entry::matrix(name("attention.self.qkv"), [qkv, c]).kind(Kind::Joined));
        table.push(Entry::constant(name("attention.self.qkv bias"), qkv));
        table.extend(linear(name("attention.output.dense"), c, queries));
        table.extend(linear(name("intermediate.dense"), f, c));
        table.extend(linear(name("output.dense"), c, f));
        table.extend(biased_norm(spec, &name("attention.output.LayerNorm")));
        table.extend(biased_norm(spec, &name("output.LayerNorm")));
    }
    table
}
