// Before the first paint, so that a dark page does not flash white.
try {
  const theme = localStorage.getItem("kantor.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // storage may be forbidden: then the system's choice counts
}
