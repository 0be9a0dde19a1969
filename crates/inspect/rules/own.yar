// SPDX-License-Identifier: Apache-2.0
// Rules that every installation has. `severity = "malware"` denies, anything else asks a person to look.
import "pe"
import "elf"
import "math"

rule eicar_test_file {
    meta:
        severity = "malware"
        description = "the EICAR test file, which every malware scanner reports"
        description_ja = "EICAR テストファイル（どのウイルス対策ソフトも検出するテスト用のファイル）です"
    strings:
        $eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    condition:
        $eicar at 0
}

rule double_extension_lure {
    meta:
        severity = "suspicious"
        description = "a program that carries the name of a document"
        description_ja = "文書のような名前を持つプログラムです"
    strings:
        $name = /[A-Za-z0-9_\-]{3,40}\.(pdf|docx|xlsx|jpg)\.(exe|scr|com|js|vbs)\b/ ascii wide nocase
    condition:
        $name
}

rule packed_windows_program {
    meta:
        severity = "suspicious"
        description = "a Windows program whose code is packed; scanners cannot look inside"
        description_ja = "コードが圧縮された Windows プログラムで、中身を検査できません"
    condition:
        pe.is_pe and for any section in pe.sections : (
            section.raw_data_size > 4096 and
            (section.characteristics & pe.SECTION_MEM_EXECUTE) != 0 and
            math.entropy(section.raw_data_offset, section.raw_data_size) > 7.6
        )
}

rule upx_packed_linux_program {
    meta:
        severity = "suspicious"
        description = "a Linux program packed by UPX; scanners cannot look inside"
        description_ja = "UPX で圧縮された Linux プログラムで、中身を検査できません"
    strings:
        $upx = "UPX!"
    condition:
        uint32(0) == 0x464c457f and $upx
}

rule coin_miner {
    meta:
        severity = "suspicious"
        description = "speaks the protocol of coin miners"
        description_ja = "暗号資産マイニングの通信を行います"
    strings:
        $pool1 = "stratum+tcp://"
        $pool2 = "stratum+ssl://"
        $algo1 = "randomx" nocase
        $algo2 = "cryptonight" nocase
        $option = "--donate-level"
    condition:
        (any of ($pool*) and any of ($algo*)) or ($option and any of ($algo*))
}

rule remote_shell_in_script {
    meta:
        severity = "suspicious"
        description = "a script that connects a shell to a remote machine"
        description_ja = "外部の機器にシェルをつなぐスクリプトです"
    strings:
        $bash = /bash -i\s*[0-9]*>&\s*\/dev\/tcp\//
        $netcat = /\bnc(at)?\b.{0,40}\s-e\s+\/bin\/(ba|da|z)?sh/
        $python = /socket\.socket\(.{0,200}os\.dup2\(/s
    condition:
        filesize < 1MB and any of them
}
