import Foundation

/// A curve over steps that grow by factors: bars for a terminal, and a drawing.
struct Plot {
    var title: String
    var x: String
    var y: String
    var points: [(x: Int, y: Double)]

    private var most: Double { max(points.map(\.y).max() ?? 0, 1e-9) }

    /// One step as a bar, all of a curve to one scale.
    func bar(_ number: Int) -> String { String(repeating: "#", count: max(1, Int(points[number].y / most * 40))) }

    /// The curve as SVG: steps evenly apart, the axis of cost from 0.
    var svg: String {
        let (width, height, left, bottom, top) = (640.0, 400.0, 80.0, 60.0, 50.0)
        let ceiling = most * 1.2
        func place(_ step: Int) -> (Double, Double) {
            let stride = (width - left - 30) / Double(max(1, points.count - 1))
            return (
                left + Double(step) * stride, height - bottom - points[step].y / ceiling * (height - bottom - top)
            )
        }
        func number(_ value: Double) -> String { String(format: "%.1f", value) }
        func text(_ x: Double, _ y: Double, _ anchor: String, _ words: String) -> String {
            "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(words)</text>\n"
        }
        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(Int(width))" height="\(Int(height))" font-family="sans-serif" \
            font-size="13">
            <rect width="100%" height="100%" fill="white"/>

            """
        out += text(width / 2, 24, "middle", title)
        out += text(width / 2, height - 12, "middle", x)
        out += text(left, top - 8, "start", y)
        let base = height - bottom
        let axes = "M\(number(left)) \(number(top))V\(number(base))H\(number(width - 20))"
        out += "<path d=\"\(axes)\" fill=\"none\" stroke=\"black\"/>\n"
        let path = points.indices.map { step in
            let (x, y) = place(step)
            return "\(step == 0 ? "M" : "L")\(number(x)) \(number(y))"
        }
        out += "<path d=\"\(path.joined())\" fill=\"none\" stroke=\"steelblue\" stroke-width=\"2\"/>\n"
        for (step, point) in points.enumerated() {
            let (x, y) = place(step)
            out += "<circle cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"4\" fill=\"steelblue\"/>\n"
            out += text(x, y - 10, "middle", BenchReport.figure(point.y))
            out += text(x, base + 20, "middle", "\(point.x)")
        }
        return out + "</svg>\n"
    }

    func write(to path: String) throws(BenchError) {
        do {
            try Data(svg.utf8).write(to: URL(fileURLWithPath: path))
        } catch {
            throw BenchError("\(path): cannot be written: \(error)")
        }
    }
}
