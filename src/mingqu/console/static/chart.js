// Charts: only where a shape says more than a number. Values come in a data attribute, colors from the stylesheet.
"use strict";
(() => {
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const text = (size = 11) => ({ fontFamily: color("font"), fontSize: size, color: color("text-3") });
  const axis = (more) => ({
    axisLine: { lineStyle: { color: color("line-2") } }, axisTick: { show: false }, axisLabel: text(),
    splitLine: { lineStyle: { color: color("line") } }, ...more,
  });
  const yuan = (value) => (value >= 10000 ? `${value / 10000} 万` : `${value}`);
  const base = { animation: false, aria: { enabled: true }, textStyle: { fontFamily: color("font") } };

  const flows = (values, box) => ({
    ...base,
    grid: { left: 4, right: 4, top: 24, bottom: 2, containLabel: true },
    legend: { top: 0, right: 0, itemWidth: 10, itemHeight: 10, icon: "roundRect", textStyle: text() },
    tooltip: {
      trigger: "axis", renderMode: "richText", backgroundColor: color("surface"), borderColor: color("line-2"),
      textStyle: { color: color("text"), fontSize: 11 },
    },
    xAxis: axis({ type: "category", data: values.days, splitLine: { show: false } }),
    yAxis: axis({ type: "value", axisLabel: { ...text(), formatter: yuan }, splitNumber: 3 }),
    series: [
      { name: box.dataset.paidOut, type: "bar", data: values.paid_out, itemStyle: { color: color("c1") }, barGap: 0 },
      {
        name: box.dataset.collected, type: "bar", data: values.collected,
        itemStyle: { color: color("c2"), decal: undefined },
      },
    ],
  });

  const balance = (values) => {
    const line = (day, mark, width) => ({ xAxis: day, lineStyle: { color: mark, width, type: "solid" } });
    return {
      ...base,
      grid: { left: 4, right: 16, top: 8, bottom: 2, containLabel: true },
      tooltip: {
        trigger: "axis", renderMode: "richText", backgroundColor: color("surface"), borderColor: color("line-2"),
        textStyle: { color: color("text"), fontSize: 11 },
      },
      xAxis: axis({ type: "time", splitLine: { show: false }, axisLabel: { ...text(), formatter: "{yyyy}-{MM}", hideOverlap: true } }),
      yAxis: axis({ type: "value", min: 0, splitNumber: 2, axisLabel: { ...text(), formatter: yuan } }),
      series: [{
        type: "line", step: "end", symbol: "none", data: values.points,
        lineStyle: { color: color("c1"), width: 1.5 }, areaStyle: { color: color("h1") },
        markLine: {
          symbol: "none", silent: true, label: { show: false },
          data: [line(values.on, color("accent"), 2), ...values.late.map((day) => line(day, color("mark-line"), 1.5))],
        },
      }],
    };
  };

  const draw = { flows, balance };
  const drawn = [];
  document.querySelectorAll("[data-chart]").forEach((box) => {
    const values = JSON.parse(box.dataset.values);
    const chart = window.echarts.init(box, null, { renderer: "svg" });
    const paint = () => chart.setOption(draw[box.dataset.chart](values, box), true);
    paint();
    if (box.dataset.root) {
      chart.getZr().on("click", (event) => {
        const at = chart.convertFromPixel({ gridIndex: 0 }, [event.offsetX, event.offsetY]);
        const day = new Date(at[0] + 8 * 3600e3).toISOString().slice(0, 10);
        location.href = `${box.dataset.root}?on=${day}&view=${box.dataset.view}`;
      });
    }
    drawn.push({ chart, paint });
  });
  addEventListener("resize", () => drawn.forEach(({ chart }) => chart.resize()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(({ paint }) => paint()));
})();
