/// A protobuf message under construction (protobuf.dev, "Encoding"): fields with their numbers, nested messages by
/// length.
struct Protobuf {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func add(_ field: Int, _ value: UInt64) {
        varint(UInt64(field) << 3)
        varint(value)
    }

    mutating func add(_ field: Int, _ text: some StringProtocol) {
        add(field, bytes: text.utf8)
    }

    mutating func add(_ field: Int, _ message: Protobuf) {
        add(field, bytes: message.bytes)
    }

    private mutating func add(_ field: Int, bytes content: some Collection<UInt8>) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
