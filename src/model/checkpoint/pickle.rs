//! The tensors of a pickle of PyTorch. A pickle is a program; this reader knows the few words of it that
//! say where tensors are, and refuses all others before anything of them is done: nothing is run.

use std::collections::HashMap;
use std::rc::Rc;

use safetensors::Dtype;

/// A tensor by its place in the archive.
pub struct Stored {
    /// Its name.
    pub name: String,
    /// The number format.
    pub dtype: Dtype,
    /// The file that holds its numbers, such as `0`.
    pub file: String,
    /// Its first number there.
    pub offset: usize,
    /// Its sides; numbers are row by row.
    pub shape: Vec<usize>,
}

/// Compound values inside each other at most: published files have five.
const MAX_DEPTH: usize = 32;

/// Words that a pickle may name: those of numbers of one format.
const STORAGES: [(&str, Dtype); 9] = [
    ("FloatStorage", Dtype::F32),
    ("HalfStorage", Dtype::F16),
    ("BFloat16Storage", Dtype::BF16),
    ("DoubleStorage", Dtype::F64),
    ("LongStorage", Dtype::I64),
    ("IntStorage", Dtype::I32),
    ("ShortStorage", Dtype::I16),
    ("ByteStorage", Dtype::U8),
    ("BoolStorage", Dtype::BOOL),
];

#[derive(Clone)]
enum Value {
    /// What begins a tuple or the items of a dictionary.
    Mark,
    /// Nothing, a truth value, or a number with a point: not looked at.
    Plain,
    Int(i64),
    Text(Rc<str>),
    Tuple(Rc<[Value]>, usize),
    Dict(Rc<Vec<(Value, Value)>>, usize),
    Known(Known),
    Storage(Dtype, Rc<str>),
    Tensor(Rc<Placed>),
}

/// What a pickle may name.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Storage(Dtype),
    Tensor,
    Parameter,
    Dict,
}

struct Placed {
    dtype: Dtype,
    file: Rc<str>,
    offset: usize,
    shape: Vec<usize>,
}

/// The tensors that a pickle names, or why it is refused.
pub fn tensors(pickle: &[u8]) -> Result<Vec<Stored>, String> {
    let mut machine = Machine { rest: pickle, stack: Vec::new(), memo: HashMap::new() };
    let Value::Dict(items, _) = machine.run()? else {
        return Err("its pickle is not a dictionary of tensors".into());
    };
    let mut tensors = Vec::new();
    for (name, value) in items.iter() {
        let (Value::Text(name), Value::Tensor(placed)) = (name, value) else {
            return Err("its pickle holds more than named tensors".into());
        };
        let Placed { dtype, file, offset, shape } = &**placed;
        let (name, file, shape) = (name.to_string(), file.to_string(), shape.clone());
        tensors.push(Stored { name, dtype: *dtype, file, offset: *offset, shape });
    }
    Ok(tensors)
}

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    memo: HashMap<usize, Value>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, String> {
        loop {
            match self.array()? {
                [b'.'] => return self.pop(),
                [code] => {
                    if let Some(value) = self.step(code)? {
                        self.stack.push(value);
                    }
                }
            }
        }
    }

    /// Does an instruction; returns what it puts on the stack.
    fn step(&mut self, code: u8) -> Result<Option<Value>, String> {
        Ok(Some(match code {
            // The version, and the length of a part.
            0x80 | 0x95 => {
                self.take(if code == 0x80 { 1 } else { 8 })?;
                return Ok(None);
            }
            b'q' | b'r' | 0x94 => {
                let at = self.memo_index(code)?;
                let top = self.stack.last().ok_or_else(cut)?.clone();
                self.memo.insert(at, top);
                return Ok(None);
            }
            b's' | b'u' => {
                self.set_items(code)?;
                return Ok(None);
            }
            b'h' | b'j' => {
                let at = self.memo_index(code)?;
                self.memo.get(&at).ok_or_else(cut)?.clone()
            }
            b'c' => self.global()?,
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => known(&module, &name)?,
                _ => return Err(cut()),
            },
            b'Q' => storage(&self.pop()?)?,
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                made(&function, &arguments)?
            }
            // A dictionary's attributes: versions of modules.
            b'b' => match (self.pop()?, self.pop()?) {
                (_, of @ Value::Dict(..)) => of,
                _ => return Err("its pickle sets what is inside an object".into()),
            },
            other => self.literal(other)?,
        }))
    }

    /// A value that an instruction spells out.
    fn literal(&mut self, code: u8) -> Result<Value, String> {
        Ok(match code {
            b'(' => Value::Mark,
            b'N' | 0x88 | 0x89 => Value::Plain,
            b'G' => {
                self.take(8)?;
                Value::Plain
            }
            b'K' => Value::Int(i64::from(u8::from_le_bytes(self.array()?))),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            0x8a => self.long()?,
            b'X' => {
                let length = self.word()?;
                self.text(length)?
            }
            0x8c => {
                let [length] = self.array()?;
                self.text(usize::from(length))?
            }
            b'}' => Value::Dict(Rc::default(), 1),
            b')' => Value::Tuple(Rc::new([]), 1),
            b't' => {
                let items = self.since_mark()?;
                tuple(items)?
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(code - 0x84));
                tuple(self.stack.split_off(from.ok_or_else(cut)?))?
            }
            other => return Err(format!("its pickle has the instruction {other:#04x}")),
        })
    }

    fn memo_index(&mut self, code: u8) -> Result<usize, String> {
        match code {
            b'q' | b'h' => self.array().map(|[at]: [u8; 1]| usize::from(at)),
            b'r' | b'j' => self.word(),
            _ => Ok(self.memo.len()),
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| cut())
    }

    fn word(&mut self) -> Result<usize, String> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| cut())
    }

    fn text(&mut self, length: usize) -> Result<Value, String> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| cut())?;
        Ok(Value::Text(text.into()))
    }

    /// A number of up to eight bytes.
    fn long(&mut self) -> Result<Value, String> {
        let [length] = self.array()?;
        let taken = self.take(usize::from(length))?;
        let is_negative = taken.last().is_some_and(|&last| last > 127);
        let mut bytes = [if is_negative { 0xff } else { 0 }; 8];
        bytes.get_mut(..taken.len()).ok_or_else(cut)?.copy_from_slice(taken);
        Ok(Value::Int(i64::from_le_bytes(bytes)))
    }

    /// What two lines name.
    fn global(&mut self) -> Result<Value, String> {
        let mut line = || -> Result<String, String> {
            let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or_else(cut)?;
            let text = String::from_utf8_lossy(&self.rest[..end]).into_owned();
            self.rest = &self.rest[end + 1..];
            Ok(text)
        };
        let (module, name) = (line()?, line()?);
        known(&module, &name)
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(cut)
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark));
        let items = self.stack.split_off(mark.ok_or_else(cut)? + 1);
        self.stack.pop();
        Ok(items)
    }

    fn set_items(&mut self, code: u8) -> Result<(), String> {
        let items = match code {
            b'u' => self.since_mark()?,
            _ => {
                let (value, key) = (self.pop()?, self.pop()?);
                vec![key, value]
            }
        };
        let Some(Value::Dict(all, depth)) = self.stack.last_mut() else { return Err(cut()) };
        *depth = (*depth).max(depth_of(&items)?);
        let all = Rc::make_mut(all);
        let mut items = items.into_iter();
        while let Some(key) = items.next() {
            all.push((key, items.next().ok_or_else(cut)?));
        }
        Ok(())
    }
}

fn cut() -> String {
    "its pickle is damaged or cut".into()
}

fn tuple(items: Vec<Value>) -> Result<Value, String> {
    let depth = depth_of(&items)?;
    Ok(Value::Tuple(items.into(), depth))
}

/// How deep a compound of these is.
fn depth_of(items: &[Value]) -> Result<usize, String> {
    let depth = |item: &Value| match item {
        Value::Tuple(_, depth) | Value::Dict(_, depth) => *depth,
        _ => 0,
    };
    let depth = 1 + items.iter().map(depth).max().unwrap_or(0);
    if depth > MAX_DEPTH { Err("its pickle is nested too deep".into()) } else { Ok(depth) }
}

/// What a name stands for; all but a few are refused.
fn known(module: &str, name: &str) -> Result<Value, String> {
    let storage = STORAGES.iter().find(|(known, _)| module == "torch" && *known == name);
    let known = match (module, name) {
        _ if storage.is_some() => storage.map(|(_, dtype)| Known::Storage(*dtype)),
        ("torch._utils", "_rebuild_tensor_v2") => Some(Known::Tensor),
        ("torch._utils", "_rebuild_parameter") => Some(Known::Parameter),
        ("collections", "OrderedDict") => Some(Known::Dict),
        _ => None,
    };
    known.map(Value::Known).ok_or_else(|| {
        let shown = |text: &str| text.chars().take(40).collect::<String>();
        let (module, name) = (shown(module), shown(name));
        format!(
            "its pickle asks to call `{module}.{name}`, expected tensors alone: nothing of it was run"
        )
    })
}

/// The file of numbers that a persistent id stands for: `('storage', format, file, device, count)`.
fn storage(id: &Value) -> Result<Value, String> {
    if let Value::Tuple(items, _) = id
        && let [_, Value::Known(Known::Storage(dtype)), Value::Text(file), ..] = &items[..]
    {
        return Ok(Value::Storage(*dtype, file.clone()));
    }
    Err("its pickle has a persistent id that is no storage".into())
}

/// What a known function gives.
fn made(function: &Value, arguments: &Value) -> Result<Value, String> {
    let (Value::Known(known), Value::Tuple(arguments, _)) = (function, arguments) else {
        return Err("its pickle calls what is no function".into());
    };
    match (known, &arguments[..]) {
        (Known::Dict, []) => Ok(Value::Dict(Rc::default(), 1)),
        (Known::Parameter, [tensor @ Value::Tensor(_), ..]) => Ok(tensor.clone()),
        (
            Known::Tensor,
            [
                Value::Storage(dtype, file),
                Value::Int(offset),
                Value::Tuple(shape, _),
                Value::Tuple(strides, _),
                ..,
            ],
        ) => {
            let numbers = |items: &[Value]| -> Option<Vec<usize>> {
                let number = |item: &Value| match item {
                    Value::Int(number) => usize::try_from(*number).ok(),
                    _ => None,
                };
                items.iter().map(number).collect()
            };
            let offset = usize::try_from(*offset).map_err(|_| cut())?;
            let shape = numbers(shape).ok_or_else(cut)?;
            let strides = numbers(strides).ok_or_else(cut)?;
            if !is_by_rows(&shape, &strides) {
                return Err(format!(
                    "a tensor {shape:?} is not stored row by row (strides {strides:?})"
                ));
            }
            Ok(Value::Tensor(Rc::new(Placed { dtype: *dtype, file: file.clone(), offset, shape })))
        }
        _ => Err("its pickle makes something else than tensors".into()),
    }
}

/// Whether a tensor's numbers follow each other; sides of one number have any stride.
fn is_by_rows(shape: &[usize], strides: &[usize]) -> bool {
    let mut wanted = 1usize;
    let mut sides = shape.iter().zip(strides).rev();
    shape.len() == strides.len()
        && sides.all(|(&side, &stride)| {
            let fits = side <= 1 || stride == wanted;
            wanted = wanted.saturating_mul(side);
            fits
        })
}
