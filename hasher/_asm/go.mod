module gominer/hasher/_asm

go 1.26
