// Colours of plots, as the style sheet has them for light and dark; series are those of Okabe and Ito (2008), which
// people with any kind of colour blindness can tell apart.

export interface Colours {
  line: string;
  grid: string;
  faint: string;
  back: string;
  series: string[];
  font: string; // of axes
  scale: number; // of their room, as the page's letters are larger than usual
}

export function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const named = (name: string) => style.getPropertyValue(name).trim();
  const letters = parseFloat(style.fontSize);
  const dark = window.matchMedia('(prefers-color-scheme: dark)').matches;
  return {
    font: `${Math.round(letters * 0.8)}px system-ui, sans-serif`,
    scale: letters / USUAL,
    line: named('--text'),
    grid: named('--line'),
    faint: named('--faint'),
    back: named('--back'),
    // the blue is too dark on black, the sky blue takes its place there
    series: dark
      ? ['#56b4e9', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#f0e442']
      : ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'],
  };
}

const USUAL = 15; // px of the page's letters on ordinary screens
