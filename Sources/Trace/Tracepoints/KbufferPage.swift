/// Where the kernel's ring buffer puts a page's own fields, from its `header_page` text.
public struct PageLayout: Equatable, Sendable {
    /// Bytes from the page's start.
    public var commitOffset: Int
    /// 4 on a 32-bit kernel, else 8.
    public var commitSize: Int
    public var dataOffset: Int

    /// That of every 64-bit kernel so far.
    public static let standard = PageLayout(commitOffset: 8, commitSize: 8, dataOffset: 16)

    public init(commitOffset: Int, commitSize: Int, dataOffset: Int) {
        self.commitOffset = commitOffset
        self.commitSize = commitSize
        self.dataOffset = dataOffset
    }

    /// nil where the text lacks a field or puts it where no page has one.
    public init?(headerPage text: String) {
        guard let fields = try? TracepointFormat.fields(parsing: text),
            let commit = fields.first(where: { $0.name == "commit" }),
            let data = fields.first(where: { $0.name == "data" }),
            commit.size == 4 || commit.size == 8, commit.offset >= 8, commit.offset <= 64, data.offset >= 12,
            data.offset <= 128, commit.offset + commit.size <= data.offset
        else { return nil }
        self.init(commitOffset: commit.offset, commitSize: commit.size, dataOffset: data.offset)
    }
}

/// One page of the kernel's ring buffer.
///
///     time stamp (64 bits) │ commit: size of the data, bit 31 records lost before it, bit 30 how many stands behind it │ data
///
/// Each record begins with a word of 5 bits of type or length and 27 bits of time since the record before
/// (`kernel/trace/ring_buffer.c`, `struct ring_buffer_event` in include/linux/ring_buffer.h):
///
/// | type_len | meaning                                                             |
/// |----------|---------------------------------------------------------------------|
/// | 1...28   | a record of 4 × type_len bytes                                        |
/// | 0        | a record whose length stands in the next word (which it includes)     |
/// | 29       | padding: to the end of the page where the time is 0, else by the next word |
/// | 30       | time extends: the next word are bits 27 and up of the time since        |
/// | 31       | absolute time: 59 bits; the page's time stamp has the upper five        |
public struct KbufferPage {
    private static let lostBefore: UInt64 = 1 << 31
    private static let lostStored: UInt64 = 1 << 30
    /// Bits of `commit` that are its size (`RB_...`: the flags are above).
    private static let sizeMask: UInt64 = (1 << 27) - 1
    private static let absoluteBits: UInt64 = 59

    /// Records lost before this page's first.
    public enum Missed: Equatable, Sendable {
        case none
        case some
        case count(UInt64)
    }

    /// What the page holds next.
    public enum Item {
        /// A record's bytes and its time in units of the buffer's clock.
        case record(UnsafeRawBufferPointer, time: UInt64)
        case end
        /// The page's content cannot be; bytes from the page's start.
        case damaged(offset: Int, reason: String)
    }

    public let missed: Missed
    @usableFromInline let page: UnsafeRawBufferPointer
    @usableFromInline var position: Int
    @usableFromInline let end: Int
    /// That of the record last given out.
    public var time: UInt64 { clock }
    @usableFromInline var clock: UInt64

    /// - Returns: nil where the page's own header cannot be; `page` is then not of a ring buffer.
    public init?(_ page: UnsafeRawBufferPointer, layout: PageLayout) {
        guard page.count > layout.dataOffset else { return nil }
        let commit: UInt64 =
            layout.commitSize == 8
            ? page.value(layout.commitOffset)
            : UInt64(page.value(layout.commitOffset, as: UInt32.self))
        let size = Int(commit & Self.sizeMask)
        guard size <= page.count - layout.dataOffset else { return nil }
        self.page = page
        clock = page.value(0)
        position = layout.dataOffset
        end = layout.dataOffset + size
        if commit & Self.lostBefore == 0 {
            missed = .none
        } else if commit & Self.lostStored != 0, end + layout.commitSize <= page.count {
            missed = .count(
                layout.commitSize == 8 ? page.value(end) : UInt64(page.value(end, as: UInt32.self)))
        } else {
            missed = .some
        }
    }

    /// The page's time stamp, that of its first record.
    public var startTime: UInt64 { page.value(0) }

    /// The next record if it is one of the ordinary kind, whose length stands in its first word; nil where `next()`
    /// must look.
    @inlinable @inline(__always)
    public mutating func nextOrdinary() -> UnsafeRawBufferPointer? {
        guard end &- position >= 4 else { return nil }
        let word = UInt32(littleEndian: page.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        let type = word & 31
        let length = Int(truncatingIfNeeded: type &* 4)
        // 1...28: a type of 0 wraps.
        guard type &- 1 < 28, length <= end &- position &- 4 else { return nil }
        advance(by: UInt64(word >> 5), to: position &+ 4 &+ length)
        return UnsafeRawBufferPointer(start: page.baseAddress! + (position &- length), count: length)
    }

    @inlinable @inline(__always)
    mutating func advance(by delta: UInt64, to next: Int) {
        clock &+= delta
        position = next
    }

    /// The next record, or why there is none.
    public mutating func next() -> Item {
        while position < end {
            guard end - position >= 4 else {
                return .damaged(offset: position, reason: "\(end - position) bytes are left where a record should be")
            }
            let start = position
            let word: UInt32 = page.value(position)
            let delta = UInt64(word >> 5)
            position += 4
            switch word & 31 {
            case 29:
                if delta == 0 {
                    position = end
                    return .end
                }
                // The word counts itself.
                guard let length = following(), length >= 4, Int(length) <= end - position + 4 else {
                    return .damaged(offset: start, reason: "padding reaches beyond the page")
                }
                position += Int(length) - 4
                clock &+= delta
            case 30:
                guard let upper = following() else {
                    return .damaged(offset: start, reason: "a time extension reaches beyond the page")
                }
                clock &+= UInt64(upper) << 27 + delta
            case 31:
                guard let upper = following() else {
                    return .damaged(offset: start, reason: "a time stamp reaches beyond the page")
                }
                let absolute = UInt64(upper) << 27 + delta
                let known = clock & ~((1 << Self.absoluteBits) - 1)
                clock = known | (absolute & ((1 << Self.absoluteBits) - 1))
            case 0:
                guard let length = following(), length >= 4, Int(length) <= end - position + 4 else {
                    return .damaged(offset: start, reason: "a record claims more than the page holds")
                }
                return record(Int(length) - 4, delta)
            case let words:
                guard Int(words) * 4 <= end - position else {
                    return .damaged(offset: start, reason: "a record of \(words * 4) bytes reaches beyond the page")
                }
                return record(Int(words) * 4, delta)
            }
        }
        return .end
    }

    private mutating func following() -> UInt32? {
        guard end - position >= 4 else { return nil }
        defer { position += 4 }
        return page.value(position)
    }

    private mutating func record(_ length: Int, _ delta: UInt64) -> Item {
        clock &+= delta
        let bytes = UnsafeRawBufferPointer(rebasing: page[position..<position + length])
        // A length from the extra word need not be a multiple of 4; the next record is aligned.
        position = min(end, position + (length + 3) & ~3)
        return .record(bytes, time: time)
    }
}

extension UnsafeRawBufferPointer {
    /// The little-endian value at `offset`; the caller has checked the bounds.
    @inline(__always)
    fileprivate func value<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}
