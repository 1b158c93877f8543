import Foundation

/// As much of JSON Schema 2020-12 as the project's schemas use; an unknown keyword is an error, so that none is
/// silently not checked.
public struct JSONSchema {
    private let root: [String: Any]

    public init(_ path: String) throws {
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
        root = json as? [String: Any] ?? [:]
    }

    /// The published schema of that name, `Room/Schema/name`: schemas lie in the rooms whose results they describe.
    public static func published(_ name: String) throws -> JSONSchema {
        try JSONSchema(SharedData.package.appendingPathComponent("Sources/\(name).schema.json").path)
    }

    /// What is wrong with `json`, with its place; empty where it conforms.
    public func violations(_ json: String) throws -> [String] {
        let value = try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed)
        return check(value, root, "$")
    }

    private func check(_ value: Any, _ schema: [String: Any], _ place: String) -> [String] {
        var wrong: [String] = []
        for (keyword, argument) in schema {
            switch keyword {
            case "$schema", "$defs", "title", "description": break
            case "$ref": wrong += check(value, resolve(argument as! String), place)
            case "oneOf":
                let tried = (argument as! [[String: Any]]).map { check(value, $0, place) }
                if tried.count(where: \.isEmpty) != 1 { wrong += ["\(place): not one of"] + tried.flatMap { $0 } }
            case "anyOf":
                let tried = (argument as! [[String: Any]]).map { check(value, $0, place) }
                if !tried.contains(where: \.isEmpty) { wrong += ["\(place): none of"] + tried.flatMap { $0 } }
            case "additionalProperties":
                let known = (schema["properties"] as? [String: Any] ?? [:]).keys
                for (name, inner) in value as? [String: Any] ?? [:] where !known.contains(name) {
                    if let property = argument as? [String: Any] {
                        wrong += check(inner, property, "\(place).\(name)")
                    } else if argument as? Bool == false {
                        wrong.append("\(place): \(name) is unknown")
                    }
                }
            case "type":
                let types = argument as? [String] ?? [argument as! String]
                if !types.contains(where: { matches(value, $0) }) { wrong.append("\(place): \(value) is no \(types)") }
            case "enum":
                if !(argument as! [String]).contains(where: { $0 == value as? String }) {
                    wrong.append("\(place): \(value) is not in \(argument)")
                }
            case "const":
                if (value as? NSObject) != (argument as? NSObject) {
                    wrong.append("\(place): \(value) is not \(argument)")
                }
            case "minimum":
                if let number = value as? NSNumber, number.doubleValue < (argument as! NSNumber).doubleValue {
                    wrong.append("\(place): \(number) is below \(argument)")
                }
            case "maximum":
                if let number = value as? NSNumber, number.doubleValue > (argument as! NSNumber).doubleValue {
                    wrong.append("\(place): \(number) is above \(argument)")
                }
            case "items":
                for (index, item) in (value as? [Any] ?? []).enumerated() {
                    wrong += check(item, argument as! [String: Any], "\(place)[\(index)]")
                }
            case "properties":
                for (name, property) in argument as! [String: [String: Any]] {
                    if let inner = (value as? [String: Any])?[name] {
                        wrong += check(inner, property, "\(place).\(name)")
                    }
                }
            case "required":
                for name in argument as! [String] where (value as? [String: Any])?[name] == nil {
                    wrong.append("\(place): \(name) is missing")
                }
            default: wrong.append("\(place): the schema's \(keyword) is not checked by this test")
            }
        }
        return wrong
    }

    private func resolve(_ reference: String) -> [String: Any] {
        let name = String(reference.split(separator: "/").last!)
        return (root["$defs"] as! [String: [String: Any]])[name]!
    }

    private func matches(_ value: Any, _ type: String) -> Bool {
        switch type {
        case "null": value is NSNull
        case "string": value is String
        case "boolean": isBoolean(value)
        case "array": value is [Any]
        case "object": value is [String: Any]
        case "number": value is NSNumber && !isBoolean(value)
        case "integer":
            (value as? NSNumber).map { !isBoolean(value) && $0.doubleValue == $0.doubleValue.rounded() } ?? false
        default: false
        }
    }

    private func isBoolean(_ value: Any) -> Bool {
        guard let number = value as? NSNumber else { return false }
        return String(cString: number.objCType) == "c"
    }
}
