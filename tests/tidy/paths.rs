//! What a Rust file names: its modules, its imports, the paths in its code.

use std::collections::BTreeSet;

use crate::source::{code, without_tests};

/// An import, or a re-export: `name` is what the file may call the end of `path`, `*` a glob.
pub struct Use {
    pub path: Vec<String>,
    pub name: String,
    pub is_public: bool,
}

/// What one file names, tests and comments left out.
#[derive(Default)]
pub struct Names {
    /// Declared with `mod x;`.
    pub modules: Vec<String>,
    pub uses: Vec<Use>,
    /// Paths of at least two segments outside of imports.
    pub paths: Vec<Vec<String>>,
    /// Every identifier outside of imports.
    pub words: BTreeSet<String>,
    /// Functions, types, constants and macros that the file defines.
    pub defined: BTreeSet<String>,
}

const DEFINING: [&str; 9] =
    ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"];

pub fn names(text: &str) -> Names {
    let code = without_tests(&code(text));
    let tokens = tokens(&code);
    let mut names = Names::default();
    let mut i = 0;
    while i < tokens.len() {
        let next = |n: usize| tokens.get(i + n).copied().unwrap_or_default();
        match tokens[i] {
            "mod" if next(2) == ";" => {
                names.modules.push(next(1).into());
                i += 3;
            }
            "use" if next(1) != "<" => {
                let is_public = i > 0 && matches!(tokens[i - 1], "pub" | ")");
                let end = i + tokens[i..].iter().take_while(|&&token| token != ";").count();
                let tree = &mut tokens[i + 1..end].iter().copied().peekable();
                use_tree(tree, &[], is_public, &mut names.uses);
                i = end + 1;
            }
            word if is_word(word) => {
                if DEFINING.contains(&word) {
                    let at = if next(1) == "!" { 2 } else { 1 };
                    names.defined.insert(next(at).into());
                }
                let path = path(&tokens[i..]);
                i += 2 * path.len() - 1;
                names.words.extend(path.iter().cloned());
                if path.len() > 1 {
                    names.paths.push(path);
                }
            }
            _ => i += 1,
        }
    }
    names
}

/// Identifiers, `::`, and every other character alone.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let length = match rest.starts_with("::") {
            true => 2,
            false if word > 0 => word,
            false => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The path that begins with the first token: `a::b` of `a::b::<C>()`.
fn path(tokens: &[&str]) -> Vec<String> {
    let mut path = vec![tokens[0].to_string()];
    let mut rest = &tokens[1..];
    while let [colons, word, after @ ..] = rest
        && *colons == "::"
        && is_word(word)
    {
        path.push((*word).to_string());
        rest = after;
    }
    path
}

/// Reads `a::{self, b as c, d::*}` after `prefix`, up to the comma or brace that ends it.
fn use_tree<'a>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    prefix: &[String],
    is_public: bool,
    uses: &mut Vec<Use>,
) {
    let mut path = prefix.to_vec();
    let mut alias = None;
    while let Some(&token) = tokens.peek() {
        match token {
            "," | "}" => break,
            "{" => {
                tokens.next();
                while tokens.peek().is_some_and(|&token| token != "}") {
                    use_tree(tokens, &path, is_public, uses);
                    tokens.next_if_eq(&",");
                }
                tokens.next();
                return;
            }
            "as" => {
                tokens.next();
                alias = tokens.next();
                continue;
            }
            "::" => {}
            "self" if !path.is_empty() => {}
            word => path.push(word.into()),
        }
        tokens.next();
    }
    let Some(last) = path.last() else { return };
    let name = alias.map_or(last.clone(), str::to_string);
    uses.push(Use { path, name, is_public });
}
