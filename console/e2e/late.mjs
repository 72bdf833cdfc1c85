// As on a machine with too much to do: what React puts off, such as effects after painting, comes later by `ms`.
export function putOffLonger(page, ms) {
  return page.addInitScript((delay) => {
    const post = MessagePort.prototype.postMessage
    MessagePort.prototype.postMessage = function (...message) {
      setTimeout(() => post.apply(this, message), delay)
    }
  }, ms)
}
