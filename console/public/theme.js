// Before the first paint, so that a chosen theme does not flash. A file of its own: no inline scripts.
;(function () {
  try {
    var theme = localStorage.getItem('tagwerk-theme')
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  } catch (_) {
    // Storage is blocked: the system's theme is used.
  }
})()
