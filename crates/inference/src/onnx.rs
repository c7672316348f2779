//! The part of the ONNX protobuf schema we write and read back, and a small graph builder.
//!
//! Field numbers are those of `onnx.proto` (IR version 9, operator set 20). A model is written
//! from ordered lists only, so the same graph always has the same bytes.

use prost::Message;

/// Operator set of every graph we write: `LayerNormalization` came with 17, `Gelu` with 20.
const OPERATOR_SET: i64 = 20;
const IR_VERSION: i64 = 9;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
}

/// Nodes in topological order, their constants, and what goes in and out.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
}

/// A constant parameter of an operation. `f` and `i` are optional so that a zero is written.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

impl Attribute {
    pub(crate) fn float(name: &str, value: f32) -> Self {
        Self {
            name: name.into(),
            f: Some(value),
            r#type: 1,
            ..Self::default()
        }
    }

    pub(crate) fn int(name: &str, value: i64) -> Self {
        Self {
            name: name.into(),
            i: Some(value),
            r#type: 2,
            ..Self::default()
        }
    }

    pub(crate) fn ints(name: &str, values: &[i64]) -> Self {
        Self {
            name: name.into(),
            ints: values.to_vec(),
            r#type: 7,
            ..Self::default()
        }
    }
}

/// Element types, as numbered by `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Element {
    Float = 1,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
}

/// A constant: little-endian values, row by row.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

impl Tensor {
    /// The values of a float tensor; `None` for another type or a ragged length.
    pub(crate) fn floats(&self) -> Option<Vec<f32>> {
        let (values, rest) = self.raw_data.as_chunks::<4>();
        let right = self.data_type == Element::Float as i32 && rest.is_empty();
        right.then(|| values.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// The values of a 64-bit integer tensor; `None` for another type or a ragged length.
    pub(crate) fn int64s(&self) -> Option<Vec<i64>> {
        let (values, rest) = self.raw_data.as_chunks::<8>();
        let right = self.data_type == Element::Int64 as i32 && rest.is_empty();
        right.then(|| values.iter().map(|b| i64::from_le_bytes(*b)).collect())
    }
}

/// Name and type of an input or output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Type {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorType {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// A fixed size or a named free one.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSet {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A size in the type of an input or output.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Fixed(usize),
    Free(&'static str),
}

/// Builds a graph node by node; each method returns the name of the value it makes.
#[derive(Default)]
pub(crate) struct Builder {
    graph: Graph,
}

impl Builder {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            graph: Graph {
                name: name.into(),
                ..Graph::default()
            },
        }
    }

    pub(crate) fn input(&mut self, name: &str, element: Element, shape: &[Size]) -> String {
        self.graph.input.push(value_info(name, element, shape));
        name.into()
    }

    /// Declares `name`, made by a node already added, as an output.
    pub(crate) fn output(&mut self, name: &str, element: Element, shape: &[Size]) {
        self.graph.output.push(value_info(name, element, shape));
    }

    pub(crate) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(name, dims, Element::Float, raw)
    }

    pub(crate) fn int64s(&mut self, name: &str, dims: &[usize], values: &[i64]) -> String {
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(name, dims, Element::Int64, raw)
    }

    pub(crate) fn int8s(&mut self, name: &str, dims: &[usize], values: &[i8]) -> String {
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(name, dims, Element::Int8, raw)
    }

    /// A node whose output is named after its operation and position.
    pub(crate) fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let output = format!("{}_{}", op.to_lowercase(), self.graph.node.len());
        self.named(op, inputs, attributes, &output)
    }

    /// A node whose output has a chosen name.
    pub(crate) fn named(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
        output: &str,
    ) -> String {
        self.graph.node.push(Node {
            input: inputs.iter().map(|&i| i.into()).collect(),
            output: vec![output.into()],
            op_type: op.into(),
            attribute: attributes,
        });
        output.into()
    }

    /// The bytes of the finished model.
    pub(crate) fn finish(self) -> Vec<u8> {
        Model {
            ir_version: IR_VERSION,
            producer_name: "greffier".into(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSet {
                domain: String::new(),
                version: OPERATOR_SET,
            }],
        }
        .encode_to_vec()
    }

    fn tensor(&mut self, name: &str, dims: &[usize], element: Element, raw: Vec<u8>) -> String {
        self.graph.initializer.push(Tensor {
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: element as i32,
            name: name.into(),
            raw_data: raw,
        });
        name.into()
    }
}

fn value_info(name: &str, element: Element, shape: &[Size]) -> ValueInfo {
    let dim = shape
        .iter()
        .map(|size| match *size {
            Size::Fixed(n) => Dimension {
                dim_value: Some(n as i64),
                dim_param: None,
            },
            Size::Free(name) => Dimension {
                dim_value: None,
                dim_param: Some(name.into()),
            },
        })
        .collect();
    let tensor_type = TensorType {
        elem_type: element as i32,
        shape: Some(Shape { dim }),
    };
    ValueInfo {
        name: name.into(),
        r#type: Some(Type {
            tensor_type: Some(tensor_type),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tensors_it_writes() {
        let mut builder = Builder::new("g");
        builder.floats("a", &[2, 1], &[1.5, -0.0]);
        builder.int64s("b", &[1], &[i64::MIN]);
        let model = Model::decode(builder.finish().as_slice()).unwrap();
        let tensors = model.graph.unwrap().initializer;
        assert_eq!(tensors[0].floats(), Some(vec![1.5, -0.0]));
        assert_eq!(tensors[0].int64s(), None);
        assert_eq!(tensors[1].int64s(), Some(vec![i64::MIN]));
        assert_eq!(tensors[1].floats(), None);
    }
}
