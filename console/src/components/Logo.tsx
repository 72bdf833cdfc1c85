/** The mark of the project. */
export function Logo() {
  return <img className="logo" src="/favicon.svg" width="28" height="28" alt="" />
}
