//! sv2peer is the other end of a Stratum V2 connection, made of the reference
//! implementation's crates. It shakes hands in either role, then parses every
//! frame that comes as the message it says it is, and sends back what its own
//! serializer makes of that message.
//!
//!     sv2peer listen PUBLIC-KEY SECRET-KEY    prints the address that it listens on
//!     sv2peer connect ADDRESS PUBLIC-KEY
//!
//! It prints the name of each message, and ends with the connection. What it
//! can't read is an error, told on stderr, and ends it with status 1.

use std::{
    convert::TryInto,
    env,
    error::Error,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    time::Duration,
};

use codec_sv2::{Decrypted, Handshake, MessageFrame, NoiseDecoder, NoiseEncoder};
use key_utils::{Secp256k1PublicKey, Secp256k1SecretKey};
use noise_sv2::{
    Initiator, Responder, ELLSWIFT_ENCODING_SIZE, INITIATOR_EXPECTED_HANDSHAKE_MESSAGE_SIZE,
};
use parsers_sv2::{message_type_to_name, AnyMessage, IsSv2Message};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long a certificate is valid from now on.
const VALIDITY: Duration = Duration::from_secs(3600);

/// The most that may pass without a byte: a test that hangs has to end.
const SILENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["listen", public, secret] => listen(public, secret),
        ["connect", address, public] => connect(address, public),
        _ => Err("usage: sv2peer listen PUBLIC SECRET | sv2peer connect ADDRESS PUBLIC".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("sv2peer: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the server of one connection.
fn listen(public: &str, secret: &str) -> Result<()> {
    let public: Secp256k1PublicKey = public.parse().map_err(show)?;
    let secret: Secp256k1SecretKey = secret.parse().map_err(show)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(SILENCE))?;

    let responder =
        Responder::from_authority_kp(&public.into_bytes(), &secret.into_bytes(), VALIDITY)
            .map_err(show)?;
    let mut first = [0; ELLSWIFT_ENCODING_SIZE];
    stream.read_exact(&mut first)?;
    let (second, transport) = Handshake::responder(responder)
        .step_1(first)
        .map_err(show)?;
    stream.write_all(second.payload())?;
    echo(stream, transport)
}

/// Plays the client.
fn connect(address: &str, public: &str) -> Result<()> {
    let public: Secp256k1PublicKey = public.parse().map_err(show)?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SILENCE))?;

    let initiator = Initiator::from_raw_k(public.into_bytes()).map_err(show)?;
    let (first, sent) = Handshake::initiator(initiator).step_0().map_err(show)?;
    stream.write_all(first.payload())?;
    let mut second = [0; INITIATOR_EXPECTED_HANDSHAKE_MESSAGE_SIZE];
    stream.read_exact(&mut second)?;
    let transport = sent.step_2(second).map_err(show)?;
    echo(stream, transport)
}

/// Sends back what is read, until the peer closes.
fn echo(mut stream: TcpStream, transport: codec_sv2::Transport) -> Result<()> {
    let (mut seal, mut open) = transport.split();
    let mut decoder = NoiseDecoder::new();
    let mut encoder = NoiseEncoder::new();
    loop {
        let buffer = decoder.writable();
        match stream.read_exact(buffer) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let mut frame = match decoder.next_transport_frame(open).map_err(show)? {
            Decrypted::Incomplete(_, state) => {
                open = state;
                continue;
            }
            Decrypted::Frame(frame, state) => {
                open = state;
                frame
            }
        };
        let header = frame.header();
        let message: AnyMessage = (header, frame.payload()).try_into().map_err(show)?;
        let (kind, extension, channel) = (
            message.message_type(),
            message.extension_type(),
            message.channel_bit(),
        );
        println!("{}", message_type_to_name(kind));
        let answer = MessageFrame::from_message(message, kind, extension, channel).map_err(show)?;
        let sealed = encoder.encode_transport(answer, &mut seal).map_err(show)?;
        stream.write_all(sealed.as_ref())?;
    }
}

/// Makes an error of what the crates return, not all of which is one.
fn show<E: std::fmt::Debug>(e: E) -> Box<dyn Error> {
    format!("{e:?}").into()
}
