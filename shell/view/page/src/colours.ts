// Colours of plots, as the style sheet has them for light and dark; series are those of Okabe and Ito (2008), which
// people with any kind of colour blindness can tell apart.

export function colours(): { line: string; grid: string; series: string[] } {
  const style = getComputedStyle(document.documentElement);
  const named = (name: string) => style.getPropertyValue(name).trim();
  return {
    line: named('--text'),
    grid: named('--line'),
    series: ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'],
  };
}
