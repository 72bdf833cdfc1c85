//! Serial lines. An open line comes out as a boxed byte stream, raw and without echo; what goes
//! over it, and when, is the caller's.

use crate::Stream;
use serial2_tokio::rs4xx::{Rs485Config, TransceiverMode};
use serial2_tokio::{CharSize, FlowControl, SerialPort, Settings, StopBits};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A serial line and how characters are sent on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SerialLine {
    /// The device's file, such as `/dev/ttyUSB0`.
    pub path: String,
    /// Bits per second.
    pub baud: u32,
    /// 5 to 8.
    pub data_bits: u8,
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    pub flow: Flow,
    /// Lets the port's own driver switch an RS-485 transceiver; `None` leaves the port as it is.
    pub rs485: Option<Rs485>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parity {
    None,
    Even,
    Odd,
}

/// Flow control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    None,
    /// RTS and CTS.
    Hardware,
    /// XON and XOFF, which must not occur in the data.
    Software,
}

/// How RTS switches a transceiver between sending and receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rs485 {
    /// The level of RTS while sending; the other one while receiving.
    pub rts_on_send: Level,
    /// From switching to the first character, in whole milliseconds.
    pub delay_before: Duration,
    /// From the last character to switching back, in whole milliseconds.
    pub delay_after: Duration,
    /// Four wires: the receiver stays on while sending.
    pub full_duplex: bool,
    pub termination: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    High,
    Low,
}

impl SerialLine {
    /// Bits on the line for one character: start, data, parity, stop.
    pub fn bits_per_character(&self) -> u32 {
        let parity = u32::from(self.parity != Parity::None);
        1 + u32::from(self.data_bits) + parity + u32::from(self.stop_bits)
    }
}

/// Opens a line for this program alone. The text of an error says what to do about it.
pub(crate) fn open(line: &SerialLine) -> io::Result<Box<dyn Stream>> {
    let path = &line.path;
    // Before anything is changed: the port may be in another program's use.
    let reservation = reserve(path).map_err(|error| refused(line, &error))?;
    let port = SerialPort::open(path, |settings: Settings| configured(settings, line))
        .map_err(|error| refused(line, &error))?;
    if let Some(rs485) = &line.rs485 {
        port.set_rs4xx_mode(transceiver(rs485)).map_err(|error| {
            let text = format!(
                "the serial port {path} does not switch an RS-485 transceiver by itself ({error}); \
                 leave `rs485` out if the converter does, as most USB ones do, or use another port"
            );
            io::Error::new(error.kind(), text)
        })?;
    }
    // What was on its way before belongs to nobody.
    port.discard_buffers()?;
    Ok(Box::new(ReservedPort { port, _reservation: reservation }))
}

/// A port, and the open file that holds its lock.
struct ReservedPort {
    port: SerialPort,
    _reservation: File,
}

impl AsyncRead for ReservedPort {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.port).poll_read(context, buffer)
    }
}

impl AsyncWrite for ReservedPort {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.port).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.port).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.port).poll_shutdown(context)
    }
}

/// Takes the lock that programs for serial lines agree on. Unlike `TIOCEXCL` it also holds against
/// a privileged program, and ends with this one however it ends.
#[allow(clippy::disallowed_methods, unsafe_code)]
fn reserve(path: &str) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    // SAFETY: the descriptor is open for as long as `file` lives.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(file),
        _ => Err(io::Error::last_os_error()),
    }
}

fn configured(mut settings: Settings, line: &SerialLine) -> io::Result<Settings> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    settings.set_raw();
    settings.set_baud_rate(line.baud)?;
    settings.set_char_size(match line.data_bits {
        5 => CharSize::Bits5,
        6 => CharSize::Bits6,
        7 => CharSize::Bits7,
        8 => CharSize::Bits8,
        _ => return Err(wrong("characters have 5 to 8 data bits")),
    });
    settings.set_stop_bits(match line.stop_bits {
        1 => StopBits::One,
        2 => StopBits::Two,
        _ => return Err(wrong("there are 1 or 2 stop bits")),
    });
    settings.set_parity(match line.parity {
        Parity::None => serial2_tokio::Parity::None,
        Parity::Even => serial2_tokio::Parity::Even,
        Parity::Odd => serial2_tokio::Parity::Odd,
    });
    settings.set_flow_control(match line.flow {
        Flow::None => FlowControl::None,
        Flow::Hardware => FlowControl::RtsCts,
        Flow::Software => FlowControl::XonXoff,
    });
    Ok(settings)
}

fn transceiver(rs485: &Rs485) -> TransceiverMode {
    let mut config = Rs485Config::new();
    config.set_invert_rts(rs485.rts_on_send == Level::Low);
    config.set_delay_before_send(rs485.delay_before);
    config.set_delay_after_send(rs485.delay_after);
    config.set_full_duplex(rs485.full_duplex);
    config.set_bus_termination(rs485.termination);
    TransceiverMode::Rs485(config)
}

fn refused(line: &SerialLine, error: &io::Error) -> io::Error {
    let path = &line.path;
    let text = match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) | (_, Some(libc::ENXIO | libc::ENODEV)) => format!(
            "there is no serial port {path} ({error}); check that the converter is plugged in, and \
             its name with `ls /dev/serial/by-id /dev/tty*`"
        ),
        (io::ErrorKind::PermissionDenied, _) => format!(
            "the serial port {path} may not be opened ({error}); add the user that runs this \
             program to the port's group, usually `dialout`, and start the program again"
        ),
        (io::ErrorKind::WouldBlock, _) | (_, Some(libc::EBUSY)) => format!(
            "the serial port {path} is in use by another program, or by this one under another name \
             of the port; `fuser {path}` finds the program: end it, or use one name throughout"
        ),
        (_, Some(libc::ENOTTY)) => {
            format!("{path} is no serial port ({error}); give one such as `/dev/ttyUSB0`")
        }
        _ => format!(
            "the serial port {path} cannot be opened with {} baud, {} data bits, {} parity, {} stop \
             bits ({error}); check that the port can do that",
            line.baud,
            line.data_bits,
            match line.parity {
                Parity::None => "no",
                Parity::Even => "even",
                Parity::Odd => "odd",
            },
            line.stop_bits
        ),
    };
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn line(path: &str) -> SerialLine {
        SerialLine {
            path: path.into(),
            baud: 19_200,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
            flow: Flow::None,
            rs485: None,
        }
    }

    /// A pseudo-terminal: the far end, and the path of the near one.
    #[allow(unsafe_code)]
    fn terminal() -> (File, String) {
        use std::os::fd::FromRawFd;
        let mut name = [0; 128];
        // SAFETY: plain system calls on a descriptor of our own and a buffer of the stated length.
        unsafe {
            let far = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK);
            assert!(far >= 0 && libc::grantpt(far) == 0 && libc::unlockpt(far) == 0);
            assert_eq!(libc::ptsname_r(far, name.as_mut_ptr(), name.len()), 0);
            let path = CStr::from_ptr(name.as_ptr()).to_str().unwrap().to_owned();
            (File::from_raw_fd(far), path)
        }
    }

    fn error(line: &SerialLine) -> (io::ErrorKind, String) {
        let error = open(line).err().expect("it cannot be opened");
        (error.kind(), error.to_string())
    }

    #[tokio::test]
    async fn bytes_go_both_ways_unchanged() {
        use std::io::{Read, Write};
        let (mut far, path) = terminal();
        let mut near = open(&line(&path)).unwrap();
        // What a terminal would change: line ends, control characters, flow control, echo.
        let sent = b"\x03\x04\x0A\x0D\x11\x13\x1A\x7F\xFF\x00end";
        far.write_all(sent).unwrap();
        let mut got = [0; 13];
        near.read_exact(&mut got).await.unwrap();
        assert_eq!(got, *sent);
        near.write_all(sent).await.unwrap();
        let mut got = [0; 13];
        far.read_exact(&mut got).unwrap();
        assert_eq!(got, *sent);
        assert!(far.read(&mut got).is_err(), "no echo");
    }

    #[tokio::test]
    async fn errors_say_what_to_do() {
        let (kind, text) = error(&line("/dev/tty-that-is-not-there"));
        assert_eq!(kind, io::ErrorKind::NotFound);
        assert!(text.starts_with("there is no serial port /dev/tty-that-is-not-there ("), "{text}");

        let (_, text) = error(&line("/dev/null"));
        assert!(text.starts_with("/dev/null is no serial port ("), "{text}");

        let (_far, path) = terminal();
        let first = open(&line(&path)).unwrap();
        let (_, text) = error(&line(&path));
        assert!(text.contains("is in use by another program, or by this one"), "{text}");
        drop(first);
        open(&line(&path)).unwrap();

        let rs485 = Rs485 {
            rts_on_send: Level::High,
            delay_before: Duration::ZERO,
            delay_after: Duration::ZERO,
            full_duplex: false,
            termination: false,
        };
        let (_, text) = error(&SerialLine { rs485: Some(rs485), ..line(&path) });
        assert!(text.contains("leave `rs485` out if the converter does"), "{text}");
    }

    #[test]
    fn refusals_by_kind() {
        let text = |kind: io::ErrorKind| refused(&line("/dev/ttyS0"), &kind.into()).to_string();
        assert!(text(io::ErrorKind::PermissionDenied).contains("usually `dialout`"));
        let busy = refused(&line("/dev/ttyS0"), &io::Error::from_raw_os_error(libc::EBUSY));
        assert!(busy.to_string().contains("in use by another program"));
        let other = text(io::ErrorKind::InvalidInput);
        assert!(other.contains("19200 baud, 8 data bits, no parity, 1 stop bits"), "{other}");
    }

    #[test]
    fn characters_have_their_bits() {
        assert_eq!(line("").bits_per_character(), 10);
        let long = SerialLine { parity: Parity::Even, stop_bits: 2, ..line("") };
        assert_eq!(long.bits_per_character(), 12);
    }
}
